#!/usr/bin/perl

# mdsctl check as a device: it takes what is right by the cheapest way, and
# nothing that is wrong, however the edge lies.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../nginx/lib";
use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use JSON::PP;
use MIME::Base64;
use Test::More;

use Ctl;
use Edge;
use Schema;

my $schema = Schema->new("$FindBin::Bin/../../docs/schema/check.json");

my $dir  = tempdir(CLEANUP => 1);
my $json = JSON::PP->new->canonical;

(ctl('keygen', "$dir/ops"))[0] == 0 or die 'keygen';
(ctl('keygen', "$dir/other"))[0] == 0 or die 'keygen';
my $edge = Edge->new(key => "$dir/ops.key");

# two builds that share most of their bytes, none of which compresses
srand 7;
my $noise = join '', map { chr int rand 256 } 1 .. 300_000;
my $old   = $noise;
my $new   = substr($noise, 0, 200_000)
    . join('', map { chr int rand 256 } 1 .. 20_000) . substr $noise, 200_000;
my $delta = $edge->delta($old, $new);
Edge::spew("$dir/have", $old);

my @app    = qw(app=com.example.shop kind=upgrade platform=android);
my $out    = "$dir/out/new";
my $minisig = $edge->minisig($new);
mkdir "$dir/out";

sub path { 'files/' . sha256_hex($_[0]) }

sub file {
    my ($bytes, %more) = @_;
    return { path => path($bytes), size => length $bytes,
             sha256 => sha256_hex($bytes), %more };
}

sub order {
    my (%more) = @_;
    return {
        app => 'com.example.shop', kind => 'upgrade', name => '',
        platform => 'android', channel => '*', action => 'install',
        version => '3.2.0', release => 'a-3.2.0', serial => 12,
        full => file($new), meta => { prompt => 'once' }, %more
    };
}

sub delta_of {
    my ($bytes, %more) = @_;
    return file($bytes, from => '3.1.0', from_sha256 => sha256_hex($old),
        format => 'dcz', %more);
}

# An edge that serves this order, its package and its difference, but for
# what the test puts in place of them.
sub serve {
    my ($order, %instead) = @_;
    my %answers = (
        check => $edge->manifest($json->encode($order)),
        path($new) => { body => $new, ranges => 1 },
        path($new) . '.minisig' => { body => $minisig },
        path($delta) => { body => $delta, ranges => 1 },
        %instead
    );
    $edge->{routes} = {};
    for my $path (keys %answers) {
        my $a = $answers{$path};
        $edge->answer("/mds/v1/$path", ref $a eq 'ARRAY' ? @$a : $a);
    }
    $edge->start;
    unlink $out;
}

sub check {
    my (@args) = @_;
    return ctl('check', $edge->url, '--pub', "$dir/ops.pub", '--out', $out,
        @app, @args);
}

# Success, by the difference or in full, and nothing else left behind.
sub installs {
    my ($what, $way, @args) = @_;
    my ($code, $said, $err) = check(@args);

    is $code, 0, "$what: exit 0";
    is $err, '', "$what: no bar where there is no terminal";
    ok -e $out && Edge::slurp($out) eq $new, "$what: the new package is there";
    like $said, qr/^download +\Q$way\E, /m, "$what: by the $way";
    is_deeply [glob "$dir/out/{.[!.],}*"], [$out], "$what: no other file";
    return $said;
}

# Failure with this exit code and these words, and nothing left behind at all.
sub ends {
    my ($want, $what, $words, @args) = @_;
    my ($code, $said, $err) = check(@args);

    local $Test::Builder::Level = $Test::Builder::Level + 2;
    is $code, $want, "$what: exit $want";
    like $err, qr/^mdsctl: .*$words/, "$what: says why";
    is_deeply [glob "$dir/out/{.[!.],}*"], [], "$what: leaves nothing";
    return $said;
}

sub refuses { return ends(3, @_) }    # what came is not verified
sub fails   { return ends(1, @_) }    # nothing came

sub asked { [map { (split / /)[1] =~ s{^/mds/v1/|\?.*}{}gr } $edge->requests] }

my @have = ('version=3.1.0', '--have', "$dir/have");

# --- nothing to do

serve(order(), check => { status => 204,
    headers => { 'MDS-Poll-After' => 1800, 'MDS-Serial' => 17 } });
my ($code, $said, $err) = check(@have);
is $code, 0, 'nothing to do: exit 0';
like $said, qr/nothing to do/, 'and says so';
ok !-e $out, 'makes no file';
($code, $said) = check(@have, '--json');
is_deeply [ $schema->errors(decode_json($said)) ], [], 'by the schema';
is_deeply decode_json($said), { action => 'none', reason => 'nothing to do',
    poll_after => 1800, serial => 17 }, 'nothing to do, for machines';
unlike $said, qr/"1800"/, 'a number is a number';

# --- the question

serve(order(), check => { status => 204 });
check('version=3.1.0', 'city=Xi an & co=1', 'region=é/+');
is_deeply [$edge->requests], ['GET /mds/v1/check?app=com.example.shop'
    . '&kind=upgrade&platform=android&version=3.1.0'
    . '&city=Xi%20an%20%26%20co%3D1&region=%C3%A9%2F%2B'], 'attributes are encoded';

(my $bare = $edge->url) =~ s{/$}{};
($code) = ctl('check', $bare, '--pub', "$dir/ops.pub", @app);
is $code, 0, 'a base without its last slash';

# --- the difference, the full file

serve(order(delta => delta_of($delta)));
$said = installs('delta', 'delta', @have);
like $said, qr/install version 3\.2\.0/, 'tells the version';
like $said, qr/a-3\.2\.0/, 'tells the release';
like $said, qr/9\d\.\d % saved/, 'tells what was saved';
is_deeply asked(), ['check', path($delta), path($new) . '.minisig'],
    'the full file is not downloaded';

serve(order(delta => delta_of($delta)));
($code, $said) = check(@have, '--json');
my $facts = decode_json($said);
is_deeply [ $schema->errors($facts) ], [], 'json: by the schema';
is $facts->{action}, 'install', 'json: action';
is $facts->{reason}, 'install version 3.2.0', 'json: reason';
is $facts->{download}, 'difference', 'json: by the difference';
is $facts->{downloaded_bytes}, length $delta, 'json: bytes';
is $facts->{full_bytes}, length $new, 'json: of the full file';
is $facts->{sha256}, sha256_hex($new), 'json: digest';
is $facts->{out}, $out, 'json: where';
is_deeply $facts->{meta}, { prompt => 'once' }, 'json: meta';

serve(order(delta => delta_of($delta)));
installs('without --have', 'full', 'version=3.1.0');
serve(order());
installs('no delta offered', 'full', @have);
serve(order());
installs('nothing installed', 'full');
serve(order(delta => delta_of($delta, format => 'bsdiff')));
installs('a format that is not known', 'full', @have);

serve(order());
mkdir "$dir/tmp";
{
    local $ENV{TMPDIR} = "$dir/tmp";
    ($code, $said) = ctl('check', $edge->url, '--pub', "$dir/ops.pub", @app);
}
is $code, 0, 'without --out: exit 0';
like $said, qr/^deleted/m, 'without --out: deleted';
rmdir "$dir/tmp";
ok !-e "$dir/tmp", 'without --out: nothing is left behind';

# --- a difference that is of no use

Edge::spew("$dir/foreign", 'another build');
serve(order(delta => delta_of($delta)));
$said = installs('another build installed', 'full', 'version=3.1.0', '--have',
    "$dir/foreign");
like $said, qr/not usable: .*foreign/, 'says so';
is_deeply asked(), ['check', path($new), path($new) . '.minisig'],
    'the difference is not even downloaded';

serve(order(delta => delta_of($delta)));
installs('installed file is missing', 'full', 'version=3.1.0', '--have',
    "$dir/nowhere");

my $broken = $delta;
substr($broken, length($broken) / 2, 1) ^= "\x10";
serve(order(delta => delta_of($broken)), path($broken) => { body => $broken });
like installs('a broken difference', 'full', @have), qr/not usable: /,
    'says so';

serve(order(delta => delta_of($delta)), path($delta) => { body => $broken });
like installs('another difference than announced', 'full', @have),
    qr/not usable: .*SHA-256/, 'says so';

my $wrong = $edge->delta($old, $new ^ "\x01");
serve(order(delta => delta_of($wrong)), path($wrong) => { body => $wrong });
like installs('a difference to something else', 'full', @have),
    qr/not usable: .*not the new package/, 'says so';

my $bomb = $edge->delta($old, $new . 'x' x 5_000_000);
serve(order(delta => delta_of($bomb)), path($bomb) => { body => $bomb });
like installs('a difference to far more', 'full', @have), qr/not usable: /,
    'says so';

serve(order(delta => delta_of($delta)), path($delta) => { status => 404 });
installs('a difference that is gone', 'full', @have);

# --- signatures

my $body   = $json->encode(order());
my $answer = $edge->manifest($body);

serve(order(), check => { %$answer, body => $body =~ s/3\.2\.0/3.3.0/r });
$said = refuses('a changed manifest', 'signature', @have);
unlike $said, qr/3\.3\.0/, 'nothing of it is shown';
is_deeply asked(), ['check'], 'nothing is downloaded';

serve(order(), check => { %$answer, body => "$body\n" });
refuses('a byte behind the manifest', 'signature', @have);
serve(order(), check => { %$answer, headers => {} });
refuses('no signature', 'MDS-Signature', @have);
serve(order(), check => { %$answer,
    headers => { 'MDS-Signature' => 'keyid="x"' } });
refuses('half a signature', '', @have);

my $thief = Edge->new(key => "$dir/other.key");
serve(order(), check => $thief->manifest($body));
refuses('another key', 'key', @have);

serve(order(), path($new) . '.minisig' => { body => $thief->minisig($new) });
refuses('a package signed by another key', 'key', @have);
serve(order(), path($new) . '.minisig' => { body => $edge->minisig($old) });
refuses('the signature of another package', '', @have);
serve(order(), path($new) . '.minisig' => { status => 404 });
refuses('a package without signature', '404', @have);

# --- signed once, but not the answer to this question

serve(order(version => '3.0.0'));
refuses('an older version, replayed', 'not above the installed "3.1.0"', @have);
is_deeply asked(), ['check'], 'nothing is downloaded';
serve(order(version => '3.1'));
refuses('the same version', 'not above', @have);
for my $other (qw(app kind name)) {
    serve(order($other => 'elsewhere'));
    refuses("another $other", "for $other \"elsewhere\"", @have);
}
serve(order(platform => 'ios'));
refuses('another platform', 'not for platform "android"', @have);
serve(order(platform => ['ios', 'android']));
installs('one of several platforms', 'full', @have);
serve(order(platform => '*'));
installs('every platform', 'full', @have);

serve(order(channel => 'store'));
refuses('another channel', 'not for channel "xiaomi"', @have,
    'channel=xiaomi');
refuses('a channel that was not asked for', 'for certain channels', @have);
is_deeply asked(), ['check', 'check'], 'nothing is downloaded';
serve(order(channel => ['store', 'xiaomi']));
installs('one of several channels', 'full', @have, 'channel=xiaomi');
serve(order(channel => '*'));
installs('every channel', 'full', @have, 'channel=xiaomi');

serve(order());
refuses('a version that is refused', 'version "3.2.0" is one that the request'
    . ' refuses \\(refuse=3.1.5,3.2\\)', @have, 'refuse=3.1.5,3.2');
is_deeply asked(), ['check'], 'nothing is downloaded';
installs('others are refused', 'full', @have, 'refuse=3.1.5,3.3');

# --- several keys: any of them may have signed

sub by { map { ('--pub', "$dir/$_.pub") } @_ }

serve(order());
for my $keys (['ops', 'other'], ['other', 'ops']) {
    ($code, $said) = ctl('check', $edge->url, by(@$keys), @app, @have);
    is $code, 0, "two keys, @$keys: exit 0";
}
my ($ops, $other) = map { Edge::slurp("$dir/$_.pub") =~ / ([0-9A-F]{16})$/m }
    qw(ops other);
like $said, qr/^signed by +$ops: /m, 'and which one it was';
($code, undef, $err) = ctl('check', $edge->url, by('other'), @app, @have);
is $code, 3, 'the wrong key alone: exit 3';
like $err, qr/is signed by key $ops, and --pub gives $other$/, 'names both';

# The manifest says where the signature by its key is.
serve(order(full => file($new, minisig => path($new) . ".$ops.minisig")),
    path($new) . '.minisig' => { body => $thief->minisig($new) },
    path($new) . ".$ops.minisig" => { body => $minisig });
installs('a signature for each key', 'full', @have);
serve(order(full => file($new, minisig => '../x')));
refuses('a signature elsewhere', '/full/minisig is not', @have);

# --- manifests that make no sense

for my $case (
    ['no JSON', '{', 'manifest:1:'],
    ['no object', '[]', '/app is not a string'],
    ['no version', order(version => undef), '/version is not'],
    ['no full file', order(full => undef), '/full is not'],
    ['another action', order(action => 'remove'), '/action is not'],
    ['a path upwards', order(full => file($new, path => 'files/../../x')),
        '/full/path is not'],
    ['a URL as path', order(full => file($new, path => 'http://x/y')),
        '/full/path is not'],
    ['a negative size', order(full => file($new, size => -1)),
        '/full/size is not'],
    ['a short digest', order(full => file($new, sha256 => 'abc')),
        '/full/sha256 is not'],
    ['half a delta', order(delta => file($delta)), '/delta/from is not'],
) {
    my ($what, $manifest, $words) = @$case;
    serve(order(), check => $edge->manifest(
        ref $manifest ? $json->encode($manifest) : $manifest));
    refuses($what, $words, @have);
}

# --- downloads

serve(order(), path($new) => [
    { body => $new, ranges => 1, cut => 100_000 },
    { body => $new, ranges => 1, cut => 50_000 },
    { body => $new, ranges => 1 } ]);
like installs('broken off twice', 'full', @have), qr/interrupted 2 times/,
    'says so';
is_deeply [map { (split / /)[2] // () } $edge->requests],
    ['bytes=100000-', 'bytes=150000-'], 'goes on where it broke off';

serve(order(), path($new) => [
    { body => $new, cut => 100_000 }, { body => $new } ]);
installs('an edge without ranges', 'full', @have);

serve(order(), path($new) => [ { status => 503 }, { body => $new } ]);
installs('503 once', 'full', @have);

serve(order(), path($new) => { body => $new, cut => 0 });
fails('broken off always', '', @have);
is scalar(grep { /\Q@{[path($new)]}\E/ } $edge->requests), 5,
    'gives up after five tries';

serve(order(), path($new) => [ { body => $new, cut => 1000 },
    { status => 206, body => substr($new, 500),
      headers => { 'Content-Range' =>
          sprintf 'bytes 500-%d/%d', length($new) - 1, length $new } } ]);
fails('another range than asked for', 'another range', @have);

serve(order(), path($new) => { body => "$new!" });
fails('a byte too many', 'more than the 320000 bytes', @have);
serve(order(), path($new) => { body => substr $new, 1 });
fails('a byte too few', 'ended after 319999 of 320000', @have);
serve(order(), path($new) => { body => $new ^ "\x01" });
refuses('other bytes', 'SHA-256', @have);
serve(order(), path($new) => { status => 404 });
fails('no such file', '404', @have);

# --- servers that take their time

# The least rate is low here: nothing but the deadline ends it.
serve(order(), check => { %$answer, cut => 10, drips => 1 });
fails('an answer that never ends', 'not done within 1 s .--deadline', @have,
    qw(--deadline 1 --least-rate 1));
serve(order(), path($new) => { body => $new, cut => 1000, drips => 1,
    ranges => 1 });
fails('a file that never ends', 'not done within 1 s .--deadline', @have,
    qw(--deadline 1 --least-rate 1));
is_deeply asked(), ['check', path($new)], 'it is not asked for again';
serve(order(), path($new) => { body => $new, cut => 1000, drips => 1 });
fails('a file that comes too slowly',
    'slower than 100000 bytes a second over 1 s .--least-rate', @have,
    qw(--least-rate 100000/1));
is scalar(grep { /\Q@{[path($new)]}\E/ } $edge->requests), 5,
    'it is asked for as often as one that breaks off';
serve(order(), path($new) => { body => $new, cut => 1000, drips => 1 });
fails('too slowly for five tries', 'not done within 2 s .--deadline', @have,
    qw(--least-rate 100000/1 --deadline 2));
serve(order(), path($new) => { body => $new, drips => 1,
    headers => { 'Transfer-Encoding' => 'chunked' } });
fails('a file in chunks that are none', '', @have);

for my $wrong (qw(--deadline=0 --deadline=x --least-rate=0 --least-rate=9/0
    --least-rate=/5 --least-rate=x))
{
    ($code, undef, $err) = check(@have, $wrong);
    is $code, 2, "$wrong: exit 2";
    like $err, qr/want a number from 1/, 'says what is right';
}

# --- secrets: to the server, and nowhere else

my $basic = 'Authorization: Basic ' . encode_base64('alice:s3:cr@et', '');

sub silent {
    my ($what, @args) = @_;
    my ($code, $said, $err) = ctl('check', @args);
    unlike "$said$err", qr/s3|cr\@et|cr%40et/, "$what: nothing is shown";
    return ($code, "$said$err");
}

my $login = $edge->url =~ s{//}{//alice:s3:cr%40et\@}r;
for my $json ([], ['--json']) {
    serve(order());
    $login = $edge->url =~ s{//}{//alice:s3:cr%40et\@}r;
    ($code) = silent("in the URL @$json", $login, by('ops'), @app, @have,
        @$json);
    is $code, 0, 'done';
    like $edge->heads, qr/^\Q$basic\E\r$/m, 'the server is told';
}
serve(order());
($code) = silent('by --user', $edge->url, by('ops'), @app, @have, '--user',
    'alice:s3:cr@et');
is $code, 0, 'by --user: done';
is scalar(() = $edge->heads =~ /^\Q$basic\E\r$/mg), 3, 'with each request';
($code) = silent('a header', $edge->url, by('ops'), @app, @have, '--header',
    'X-Token: s3', '--header=X-More: yes');
like $edge->heads, qr/^X-Token: s3\r$/m, 'a header: the server is told';
like $edge->heads, qr/^X-More: yes\r$/m, 'two of them';

serve(order(), check => { status => 503 });
$login = $edge->url =~ s{//}{//alice:s3:cr%40et\@}r;
($code) = silent('503', $login, by('ops'), @app);
is $code, 1, '503: exit 1';
serve(order(), check => { status => 302,
    headers => { Location => '/mds/v1/moved' } }, moved => $answer);
($code) = silent('sent elsewhere with a header', $edge->url, by('ops'), @app,
    '--header', 'X-Token: s3');
is $code, 1, 'sent elsewhere with a header: not followed';
is_deeply asked(), ['check'], 'asked once';
$edge->stop;
($code) = silent('nobody there', $login, by('ops'), @app);
is $code, 1, 'nobody there: exit 1';
for my $args (['ftp://alice:s3@127.0.0.1/'], ['app=x', $login],
    ["$login?x"], [$login, $login], [$login, '--usr=alice:s3'],
    [$login, '--user', 'alice:s3'], [$edge->url, '--user', 's3'],
    [$edge->url, '--header', 's3'], [$edge->url, '--header', "X: s3\r\nY: z"],
    [$edge->url =~ s{//}{//alice:s3%\@}r], [$edge->url, qw(--cert-key s3key)])
{
    ($code, my $text) = silent("wrong usage", @$args, by('ops'));
    is $code, 2, 'exit 2' or diag "@$args: $text";
}

# --- failures, for machines

for my $case (
    [1, 'failed', qr/503/, check => { status => 503, headers => { 'MDS-Serial' => 9 } }],
    [1, 'failed', qr/\S/, path($delta) => { status => 404 }, path($new) => { status => 404 }],
    [3, 'unverified', qr/no signature/, check => { body => '{}', headers => { 'MDS-Serial' => 9 } }])
{
    my ($want, $action, $words, @instead) = @$case;
    serve(order(), @instead);
    ($code, $said, $err) = check(@have, '--json');
    $facts = eval { decode_json($said) };
    is $code, $want, "$action: exit $want";
    is_deeply [ $schema->errors($facts) ], [], "$action: by the schema";
    is $facts->{action}, $action, "$action: says so";
    like $facts->{reason}, $words, "$action: says why";
    like $err, qr/\Q$facts->{reason}/, "$action: as on stderr";
    is $facts->{serial}, 9, "$action: at this serial" if $instead[0] eq 'check';
}
$edge->stop;
($code, $said) = ctl('check', $login = $edge->url =~ s{//}{//alice:s3cret\@}r, '--pub', "$dir/ops.pub",
    @app, '--json');
is $code, 1, 'nobody there: exit 1';
is decode_json($said)->{action}, 'failed', 'nobody there: says so';
unlike $said, qr/s3cret/, 'without the password';

# --- servers in trouble

serve(order(), check => { status => 503, type => 'application/problem+json',
    body => '{"title":"Unavailable","detail":"the depot is \u001b[2J away"}' });
fails('503', '503: the depot is \?\[2J away', @have);
serve(order(), check => { status => 400, type => 'text/html', body => '<p>' });
fails('400 without words', 'answers 400$', @have);
serve(order(), check => { %$answer, body => 'x' x 2_000_000 });
fails('an endless manifest', 'longer than', @have);
serve(order(), check => { status => 302,
    headers => { Location => "file://$dir/have" } });
fails('sent to a file', 'Protocol "file" not supported', @have);
serve(order(), check => { status => 302,
    headers => { Location => '/mds/v1/check?again' } });
fails('sent in circles', 'redirect', @have);
serve(order(), check => { status => 302,
    headers => { Location => '/mds/v1/moved' } }, moved => $answer);
installs('sent elsewhere once', 'full', @have);

$edge->stop;
unlink $out;
fails('nobody there', 'connect', @have);

# --- rollback

sub back { order(action => 'rollback', from => '3.1.0', @_) }

serve({ %{ back(version => undef) }, full => undef });
($code, $said) = check('version=3.1.0');
is $code, 0, 'rolled back to none: exit 0';
like $said, qr/roll back version 3\.1\.0: remove it/, 'and says so';
is_deeply asked(), ['check'], 'nothing is downloaded';
($code, $said) = check('version=3.1.0', '--json');
is_deeply [@{ decode_json($said) }{qw(action from version)}],
    ['rollback', '3.1.0', undef], 'the same for machines';

serve(back(version => '3.0.0'));
like installs('rolled back to a version', 'full', 'version=3.1.0'),
    qr/roll back version 3\.1\.0 to version 3\.0\.0/, 'and says so';
serve(back(version => '3.0.0'));
refuses('rollback of another version', 'takes back version "3.1.0"',
    'version=3.2.0');
refuses('rollback of nothing', 'takes back version');
serve(back(version => '3.2.0'));
refuses('rollback upwards', 'not below', 'version=3.1.0');

# --- our own side

serve(order());
($code, undef, $err) = ctl('check', $edge->url, '--pub', "$dir/ops.key", @app);
is $code, 1, 'a secret key as --pub: exit 1';
($code, undef, $err) = ctl('check', $edge->url, '--pub', "$dir/ops.pub",
    '--out', "$dir/none/new", @app);
is $code, 1, 'no such directory for --out: exit 1';
like $err, qr/\Q$dir\E\/none/, 'and its name';
Edge::spew($out, 'precious');
($code) = ctl('check', $edge->url, '--pub', "$dir/other.pub", '--out', $out,
    @app);
is Edge::slurp($out), 'precious', 'a failure leaves an old --out as it was';

done_testing;
