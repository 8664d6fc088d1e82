# Reports over HTTP: what is refused, what is counted once, what is not counted,
# and what a worker that is killed has promised.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use Test::More;
use Time::HiRes qw(sleep time);

my $JSON = JSON::PP->new->utf8->canonical;
my $true = JSON::PP::true;
my $t    = MDS->new(workers => 2);

$t->depot;
$t->write("b$_", "package $_") for 1, 2;

sub document {
    my ($app, @releases) = @_;
    return { app => $app,
        packages => [ map { { kind => 'bundle', name => 'n', version => "$_",
            file => "b$_" } } 1, 2 ],
        releases => [ map { { id => $_, kind => 'bundle', name => 'n',
            version => '1', audience => { all => $true } } } @releases ] };
}

$t->mdsctl('apply', $t->document(document('a', 'r', 'gone')));
$t->mdsctl('apply', $t->document(document('b', 'other')));

$t->start(<<'END');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /report { mds_report; }
    location = /own    { mds_report; mds_attribute device $http_x_device; }
    location = /status { mds_status; }
    location = /mds/v1/check   { mds_check; }
    location = /mds/v1/report  { mds_report; }
    location   /mds/v1/files/  { mds_files; }
}
END

sub post {
    my ($target, $body, %headers) = @_;
    $body = $JSON->encode($body) if ref $body;
    my %lines = ('Content-Type' => 'application/json', %headers);
    return $t->raw("POST $target HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . join('', map { "$_: $lines{$_}\r\n" } sort keys %lines)
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body");
}

sub report {
    my ($device, $event, %more) = @_;
    return post('/report', { app => 'a', device => $device, release => 'r',
        version => '1', event => $event, %more });
}

# "2 downloaded 1 installed" of a release.
sub counted {
    my ($app, $id) = @_;
    my ($of) = grep { $_->{app} eq $app }
        @{ $JSON->decode($t->mdsctl('status', '--json'))->{apps} };
    my ($release) = grep { $_->{id} eq $id } @{ $of->{releases} };
    my $reports = $release->{reports} or return '';
    return join ' ', map { $reports->{$_} > 0 ? "$reports->{$_} $_" : () }
        qw(downloaded installed failed crashed rolled_back);
}

sub details {
    my ($of) = grep { $_->{app} eq 'a' }
        @{ $JSON->decode($t->mdsctl('status', '--json'))->{apps} };
    my ($release) = grep { $_->{id} eq 'r' } @{ $of->{releases} };
    return map { "$_->{count} $_->{text}" } @{ $release->{reports}{details} };
}

# --- what is counted

my $r = report('d1', 'downloaded');
is $r->status . $r->body, '204', 'a report: 204, without a body';
is $r->header('MDS-Serial'), 2, '... MDS-Serial';
is $r->header('Cache-Control'), 'no-store', '... no-store';
is report('d1', 'downloaded')->status, 204, 'the same once more: 204';
is report('d2', 'downloaded')->status, 204, 'another device: 204';
is report('d1', 'installed')->status, 204, 'another event: 204';
is counted('a', 'r'), '2 downloaded 1 installed',
    'a device counts once for a release and an event';

$r = post('/report', { app => 'a', device => 'd3', reports => [
    { release => 'r', event => 'downloaded' },
    { release => 'r', event => 'failed', version => '2', detail => 'disk full' },
    { release => 'gone', event => 'crashed' },
    { release => 'nowhere', event => 'crashed' },
    { release => 'other', event => 'crashed' },
    { release => 'r', event => 'failed' },
] });
is $r->status, 204, 'a list of reports: 204';
is counted('a', 'r'), '3 downloaded 1 installed 1 failed', '... each is counted';
is counted('a', 'gone'), '1 crashed', '... of each release';
is counted('b', 'other'), '', '... of another app\'s release not';

is report('d1', 'crashed', release => $_)->status, 204, "release $_: 204"
    for 'nowhere', 'other', 'x' x 256, 'message-1';
is report('d1', 'crashed', app => 'unknown')->status, 204, 'an unknown app: 204';

is post('/own', { app => 'a', device => 'lie', release => 'r',
    event => 'rolled_back' }, 'X-Device' => $_)->status, 204, "the operator's $_"
    for 'o1', 'o1', 'o2';
is counted('a', 'r'), '3 downloaded 1 installed 1 failed 2 rolled_back',
    '... stands for the device';

# --- details

report("t$_", 'failed', detail => $_ % 3 == 0 ? 'no memory' : "odd $_")
    for 1 .. 90;
my @details = details();
is scalar @details, 20, '20 details are kept';
is $details[0], '30 no memory', '... the most frequent first';
like $t->mdsctl('status', 'a'), qr/^\s+30 × no memory$/m, '... and printed';

# --- what is refused

sub refused {
    my ($title, $status, $detail, $r) = @_;
    is $r->status, $status, "$title: $status";
    like $r->json->{detail}, $detail, '... says why';
    is $r->header('Content-Type'), 'application/problem+json', '... as a problem';
}

refused('no JSON', 400, qr/body/, post('/report', '{'));
refused('no device', 400, qr/"device" is missing/,
    post('/report', { app => 'a', release => 'r', event => 'failed' }));
refused("the operator's device is empty", 400, qr/"device" is missing/,
    post('/own', { app => 'a', device => 'd', release => 'r', event => 'failed' }));
refused('no event', 400, qr/"event" is missing/,
    post('/report', { app => 'a', device => 'd', release => 'r' }));
refused('a wrong event', 400, qr{/reports/1/event: found "exploded"},
    post('/report', { app => 'a', device => 'd', reports => [
        { release => 'r', event => 'failed' }, { release => 'r', event => 'exploded' } ] }));
refused('too many', 400, qr/1 to 64/, post('/report', { app => 'a', device => 'd',
    reports => [ map { { release => 'r', event => 'failed' } } 1 .. 65 ] }));
refused('a long detail', 400, qr{/detail: },
    report('d', 'failed', detail => 'x' x 257));
refused('a wrong version', 400, qr{/version: found "latest"},
    report('d', 'failed', version => 'latest'));
refused('a huge body', 413, qr/longer/, post('/report', ' ' x 65_537));
refused('another type', 415, qr/json/,
    post('/report', '{}', 'Content-Type' => 'text/plain'));
for my $method (qw(GET HEAD PUT)) {
    $r = $t->request($method, '/report');
    is $r->status, 405, "$method: 405";
    is $r->header('Allow'), 'POST', '... POST is allowed';
}
is counted('a', 'r'), '3 downloaded 1 installed 91 failed 2 rolled_back',
    'what is refused is not counted';

# --- releases that are gone

$t->mdsctl(qw(end a gone));
$t->mdsctl(qw(remove release a gone));
is report('d1', 'crashed', release => 'gone')->status, 204, 'a removed release: 204';
$t->mdsctl(qw(release a gone --kind bundle --name n --version 1 --all));
is counted('a', 'gone'), '', '... under its id, another one begins at none';

# --- the reference client

my $base = $t->url('/mds/v1/');
my @question = ('app=a', 'kind=bundle', 'name=n');
my ($code, $out, $err) = $t->mdsctl_any('check', $base, '--pub',
    $t->dir . '/test.pub', '--report', @question, 'device=c1');
is $code, 0, 'check --report' or diag $err;
like $out, qr/^reported\s+downloaded\nreported\s+installed$/m, '... says what it reports';
my ($id) = $t->mdsctl(qw(explain --json app=a kind=bundle name=n))
    =~ /"release":\s*"([^"]+)"/;
like counted('a', $id), qr/downloaded.*installed/,
    '... it is counted';
($code, $out, $err) = $t->mdsctl_any('check', $base, '--pub',
    $t->dir . '/test.pub', '--report', @question);
is $code, 2, '... without a device: wrong usage';
like $err, qr/--report needs the attribute device=ID/, '... which is said';
my $file = ($t->mdsctl(qw(explain --json app=a kind=bundle name=n))
    =~ m{"path":\s*"files/([0-9a-f]{64})"})[0];
rename $t->depot_dir . "/files/$file", $t->dir . '/away' or die "rename: $!";
($code) = $t->mdsctl_any('check', $base, '--pub', $t->dir . '/test.pub',
    '--report', @question, 'device=c2');
rename $t->dir . '/away', $t->depot_dir . "/files/$file" or die "rename: $!";
is $code, 1, 'check --report that fails';
my ($of) = map { grep { $_->{id} eq $id } @{ $_->{releases} } }
    grep { $_->{app} eq 'a' } @{ $JSON->decode($t->mdsctl('status', '--json'))->{apps} };
ok $of->{reports}{failed} >= 1, '... reports a failure';
ok((grep { $_->{text} =~ /404/ } @{ $of->{reports}{details} }), '... with its error');

# --- a worker that is killed loses no report that it has acknowledged

$t->allow(qr/exited on signal 9/);
my $acknowledged = 0;
for my $round (1 .. 12) {
    my @answers;
    for my $i (1 .. 10) {
        my $r = eval { report("k$round-$i", 'crashed') };
        $acknowledged++ if $r && $r->status == 204;
    }
    kill 'KILL', ($t->workers)[ $round % 2 ] // next;
}
ok $t->wait_until_up, 'nginx is up';
cmp_ok $acknowledged, '>=', 60, "$acknowledged reports between kills";
my ($crashed) = counted('a', 'r') =~ /(\d+) crashed/;
cmp_ok $crashed, '>=', $acknowledged, "... none of them is lost: $crashed";
cmp_ok $crashed, '<=', 120, '... none counts twice';

$t->finish;
