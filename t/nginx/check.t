# The main job: publish, decide, sign, stream; a change is seen by the next
# request.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use MIME::Base64 qw(decode_base64);
use Test::More;

my $t = MDS->new(workers => 2);
$t->depot;

# Two builds that have most in common, so that a difference is worth it.
srand 1;
my $common = join '', map { chr int rand 256 } 1 .. 200_000;
$t->write('app-1.0.bin', $common . 'one');
$t->write('app-2.0.bin', "two$common" . 'two');

my $document = {
    app      => 'com.example.shop',
    poll     => { after_s => 1800, jitter_s => 300 },
    lists    => { staff => { ids => [ 'alice', 'bob' ] },
                  lab   => { ids => ['d1'], by => 'device' } },
    packages => [
        map { { kind => 'upgrade', platform => 'android', version => $_,
                file => "app-$_.bin" } } '1.0', '2.0' ],
    releases => [
        { id => 'r1', kind => 'upgrade', platform => 'android',
          version => '1.0', audience => { all => JSON::PP::true } },
        { id => 'r2', kind => 'upgrade', platform => 'android',
          version => '2.0', audience => { lists => [ 'staff', 'lab' ] },
          meta => { prompt => 'once' } },
    ],
};
$t->mdsctl('apply', $t->document($document));

$t->start(<<'EOF2');
mds_depot %DEPOT%;
log_format mds '$arg_n $status $mds_action $mds_release $mds_version'
               ' $mds_serial $mds_reason';
server {
    listen %LISTEN%;
    location = /mds/v1/check {
        mds_check;
        add_header X-Action  $mds_action  always;
        add_header X-Release $mds_release always;
        access_log %DIR%/access.log mds;
    }
    location /mds/v1/files/ { mds_files; }
}
EOF2

my $base = '/mds/v1/check?app=com.example.shop&kind=upgrade&platform=android';

# Alice, on 1.0, gets 2.0.
my $r = $t->get("$base&version=1.0&user=alice&n=1");
is($r->status, 200, 'staff: 200');
is($r->header('Content-Type'), 'application/json', '... JSON');
is($r->header('Cache-Control'), 'no-store', '... not to be kept');
is($r->header('MDS-Serial'), 1, '... serial');
is($r->header('X-Action'), 'install', '... $mds_action in a header');
is($r->header('X-Release'), 'r2', '... $mds_release');

my $poll = $r->header('MDS-Poll-After');
ok($poll >= 1800 && $poll <= 2100, '... when to ask again');
my %polls = map { $t->get($base)->header('MDS-Poll-After') => 1 } 1 .. 20;
cmp_ok(scalar keys %polls, '>', 1, '... with jitter');

my $m = $r->json;
is($m->{app},      'com.example.shop', 'manifest: app');
is($m->{kind},     'upgrade',          '... kind');
is($m->{name},     '',                 '... name');
is($m->{platform}, 'android',          '... platform');
is($m->{channel},  '*',                '... channel');
is($m->{action},   'install',          '... action');
is($m->{version},  '2.0',              '... version');
is($m->{release},  'r2',               '... release');
is($m->{serial},   1,                  '... serial');
is_deeply($m->{meta}, { prompt => 'once' }, '... meta');
is($m->{full}{sha256}, sha256_hex($t->read('app-2.0.bin')), '... full');
is($m->{full}{path}, "files/$m->{full}{sha256}", '... where');
is($m->{full}{size}, 200_006, '... how long');
is($m->{delta}{from}, '1.0', '... delta');
is($m->{delta}{from_sha256}, sha256_hex($t->read('app-1.0.bin')), '... of what');
is($m->{delta}{format}, 'dcz', '... how');

# Both files are there, and make the same.
my $full = $t->get("/mds/v1/$m->{full}{path}");
ok($full->body eq $t->read('app-2.0.bin'), 'the full file');
my $delta = $t->get("/mds/v1/$m->{delta}{path}");
is($delta->status, 200, 'the difference');
is(length $delta->body, $m->{delta}{size}, '... its length');
cmp_ok($m->{delta}{size}, '<', 20_000, '... which is small');
is(sha256_hex($delta->body), $m->{delta}{sha256}, '... its digest');

my ($status, $out, $err) = $t->run({}, 'zstd', '-d', '-q', '--long=31',
    "--patch-from=$t->{dir}/app-1.0.bin", $t->write('a.dcz', $delta->body),
    '-o', "$t->{dir}/patched");
is($status, 0, '... stock zstd takes it') or diag("$out$err");
ok($t->read('patched') eq $t->read('app-2.0.bin'), '... and makes the new one');

# The signature, by openssl alone.
my ($keyid, $sig) = $r->header('MDS-Signature')
    =~ /^keyid="([0-9A-F]{16})", sig=:([A-Za-z0-9+\/=]+):$/;
ok($sig, 'the signature has its form');
ok(verifies($r->body, $sig), '... holds, says openssl');
ok(!verifies($r->body . ' ', $sig), '... and not for other bytes');

sub verifies {
    my ($body, $sig) = @_;

    my $type = 'application/vnd.mds.manifest+json';
    $t->write('pae', join ' ', 'DSSEv1', length $type, $type, length $body,
        $body);
    $t->write('sig', decode_base64($sig));

    # minisign's public key: 2 bytes "Ed", 8 of the key's id, 32 of the key.
    my $line = (split /\n/, $t->read('test.pub'))[1];
    my $key  = substr decode_base64($line), 10;
    $t->write('key.der', pack('H*', '302a300506032b6570032100') . $key);

    my ($status) = $t->run({}, 'openssl', 'pkeyutl', '-verify', '-rawin',
        '-pubin', '-keyform', 'DER', '-inkey', "$t->{dir}/key.der",
        '-sigfile', "$t->{dir}/sig", '-in', "$t->{dir}/pae");
    return $status == 0;
}

# The same as an envelope.
my $dsse = 'application/vnd.dsse.envelope.v1+json';
for my $accept ($dsse, uc $dsse, "text/html, $dsse;q=0.9, */*;q=0.8",
    "$dsse, application/json", "application/json, $dsse", "$dsse, */*",
    "$dsse;q=0.001", "application/json;q=0.2,\t$dsse; v=\"a,b;q=0\" ; Q=0.300",
    "application/json;q=0, */*", "application/*;q=0.5, application/json;q=0.4",
    "text/html;q=0.1, $dsse;q=0.5, application/*;q=0.4")
{
    my $e = $t->get("$base&version=1.0&user=alice", Accept => $accept);
    is($e->header('Content-Type'), $dsse, 'an envelope');
    is(decode_base64($e->json->{payload}), $r->body, '... the same body');
    is($e->json->{payloadType}, 'application/vnd.mds.manifest+json', '... type');
    is_deeply($e->json->{signatures}, [ { keyid => $keyid, sig => $sig } ],
        '... signature');
}
for my $accept ('*/*', 'application/json', "x$dsse", "${dsse}x", '', 'text/html',
    'application/*', "$dsse;q=0", "$dsse;q=0.000, */*;q=0.1",
    "$dsse;q=0.9, */*", "$dsse;q=0.4, application/json;q=0.5",
    "application/json, $dsse;q=0.5", "$dsse;q=0.5, application/*",
    (map { "$dsse;q=$_" } '', '2', '1.001', '0.1234', '.5', '-1', 'x'),
    "$dsse;q=0, application/*;q=0.9", "\"$dsse", "a/b;c=\"x, $dsse\"")
{
    is($t->get("$base&version=1.0&user=alice", Accept => $accept)
            ->header('Content-Type'), 'application/json', "no envelope: $accept");
}

# HEAD says the same.
my $head = $t->head("$base&version=1.0&user=alice");
is($head->status, 200, 'HEAD: 200');
is($head->body, '', '... no body');
is($head->header('Content-Length'), length $r->body, '... its length');
is($head->header('MDS-Signature'), $r->header('MDS-Signature'),
    '... its signature');

# There is no validator: a condition changes nothing.
for my $condition ([ 'If-None-Match', '*' ],
    [ 'If-Modified-Since', 'Fri, 01 Jan 2100 00:00:00 GMT' ])
{
    is($t->get("$base&version=1.0&user=alice", @$condition)->status, 200,
        "no 304 for $condition->[0]");
}

# Others.
my @others = (
    [ 'version=1.0&user=carol', 204, 'not of the staff' ],
    [ 'version=1.0',            204, 'no user' ],
    [ 'version=2.0&user=alice', 204, 'has it' ],
    [ 'version=3.0&user=alice', 204, 'has more' ],
    [ 'version=1.0&user=alice&refuse=2.0', 204, 'refuses it' ],
    [ 'version=1.0&device=d1',  200, 'a device of the lab' ],
    [ 'version=1.0&user=d1',    204, 'a user of that name' ],
    [ 'version=1.0&device=alice', 204, 'a device of alice\'s name' ],
    [ 'version=0.9&user=carol', 200, 'below the official version' ],
    [ 'user=carol',             200, 'nothing installed' ],
);
for my $case (@others) {
    my ($query, $status, $title) = @$case;
    is($t->get("$base&$query")->status, $status, "$title: $status");
}
is($t->get('/mds/v1/check?app=com.example.shop&kind=upgrade&platform=ios'
        . '&version=1.0&user=alice')->status, 204, 'another platform: 204');

my $r1 = $t->get("$base&version=0.9&user=carol")->json;
is($r1->{version}, '1.0', 'carol gets the official one');
ok(!exists $r1->{delta}, '... of an unknown version, in full');

# The next request sees a change; each worker does.
$t->mdsctl('promote', 'com.example.shop', 'r2', '--all');
for (1 .. 20) {
    my $r = $t->get("$base&version=1.0&user=carol");
    is($r->status . ' ' . $r->header('MDS-Serial'), '200 2', 'after promote');
}

$t->mdsctl('pause', 'com.example.shop', 'r2');
is($t->get("$base&version=1.0&user=alice")->status, 204, 'after pause');
$t->mdsctl('resume', 'com.example.shop', 'r2');
is($t->get("$base&version=1.0&user=carol")->status, 200, 'after resume');

# The log.
$t->get("$base&version=1.0&user=alice&n=2");
$t->get("$base&version=2.0&user=alice&n=3");
$t->get('/mds/v1/check?app=none&kind=upgrade&n=4');
$t->get('/mds/v1/check?n=5');
$t->stop;
my $log = $t->read('access.log');
like($log, qr/^1 200 install r2 2\.0 1 list$/m,  'logged: by list');
like($log, qr/^2 200 install r2 2\.0 4 all$/m,   'logged: all');
like($log, qr/^3 204 none r2 2\.0 4 current$/m,  'logged: current');
like($log, qr/^4 204 none - - 4 unknown$/m,      'logged: unknown');
like($log, qr/^5 400 - - - 4 -$/m,               'logged: an error');

$t->finish;
