# HTTP/2: what is asked over it is answered as over HTTP/1.1, answers that wait
# for a write among them, many at once on one connection, and clients that leave.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'curl has no HTTP/2' if `curl -V` !~ /\bHTTP2\b/;
plan skip_all => 'nginx has no HTTP/2'
    if `$MDS::NGINX -V 2>&1` !~ /http_v2_module/;

my $JSON  = JSON::PP->new->utf8->canonical;
my $t     = MDS->new(workers => 1);
my $until = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 86400));
my $all   = { all => JSON::PP::true };
my @on    = (kind => 'bundle', version => '1');

$t->depot;
$t->write('package', join '', map { "line $_\n" } 1 .. 20_000);
$t->mdsctl('apply', $t->document({
    app      => 'a',
    packages => [ { kind => 'upgrade', platform => 'p', version => '1',
            file => 'package' },
        map { { @on, name => $_, file => 'package' } } qw(full left plain) ],
    releases => [
        (map { { id => $_, name => $_, @on, audience => { window => {
            count => $_ eq 'full' ? 20 : 100_000, until => $until } } } }
            qw(full left)),
        { id => 'plain', name => 'plain', @on, audience => $all },
        { id => 'key', kind => 'config', name => 'key', value => 'v' x 50_000,
          audience => $all },
    ] }));
$t->write('users', "u\n");
$t->mdsctl(qw(message push a --users), "$t->{dir}/users", qw(--to p=1 --until),
    $until) for 1 .. 3;
($t->run({}, qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj
    /CN=localhost -keyout), "$t->{dir}/tls.key", '-out', "$t->{dir}/tls.pem"))[0]
    == 0 or die 'openssl';
$t->start(<<'EOF2');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    listen unix:%DIR%/h2 ssl http2;
    ssl_certificate     %DIR%/tls.pem;
    ssl_certificate_key %DIR%/tls.key;
    location = /mds/v1/check    { mds_check; }
    location = /mds/v1/config   { mds_config; }
    location = /mds/v1/messages { mds_messages; }
    location   /mds/v1/files/   { mds_files; }
}
EOF2

# By TLS: curl 7.88 cannot have many at once on a plain connection.
my @curl = (qw(curl -sSk --http2 --max-time 120 --unix-socket), "$t->{dir}/h2");

sub curl {
    my (@options) = @_;
    my $url = pop @options;
    my (undef, $out) = $t->run({}, @curl, @options,
        "https://localhost/mds/v1/$url");
    return $out;
}

# The same answer as over HTTP/1.1, but for what is the protocol's.
sub same {
    my ($what, $url, @options) = @_;
    my $two = curl('-i', @options, $url);
    my (undef, $one) = $t->run({}, qw(curl -sS --http1.1 -i), @options,
        $t->url("/mds/v1/$url"));
    my ($lines, $wanted) = map { join "\n", sort
        map { lc =~ s{^http/[\d.]+ (\d+).*}{$1}r } grep { !/^(?:date|connection):/i }
        split /\r\n/, (split /\r\n\r\n/)[0] } $two, $one;
    is($lines, $wanted, "$what: status and headers");
    is((split /\r\n\r\n/, $two, 2)[1], (split /\r\n\r\n/, $one, 2)[1],
        '... and body');
    return $two;
}

my $plain = same('check', 'check?app=a&kind=bundle&name=plain');
like($plain, qr{^HTTP/2 200}, '... it is HTTP/2');
like($plain, qr/^mds-signature: keyid=/mi, '... and signed');
same('nothing', 'check?app=a&kind=none');
same('HEAD', 'check?app=a&kind=bundle&name=plain', '-I');
same('a mistake', 'check?app=a');
same('config', 'config?app=a&device=d');
same('messages', 'messages?app=a&user=u');
my $batch = same('batch', 'check', '-H', 'Content-Type: application/json', '-d',
    $JSON->encode({ app => 'a', device => 'b', resources => [ ({ kind =>
        'bundle', name => 'plain' }, { kind => 'bundle', name => 'left' },
        { kind => 'none' }) x 20 ] }));
like($batch, qr/"action":"install"/, '... installs');
my ($path) = $plain =~ m{"path":"(files/[0-9a-f]{64})"};
same('file', $path);
same('part of a file', $path, '-r', '1000-1999');

# --- many at once

sub many {
    my ($url, @options) = @_;
    return curl(qw(-Z --parallel-max 60 -w), '%{http_code} %{num_connects}\n',
        '-o', '/dev/null', @options, $url);
}

for (1, 2) {
    my @said = split /\n/, many('check?app=a&kind=bundle&name=full&device=d[1-60]');
    is(scalar(grep { /^200/ } @said), 20, '60 devices at once: 20 are let in');
    is(scalar(grep { /^204/ } @said), 40, '... and no others');
    my $connects = 0;
    $connects += /(\d+)$/ ? $1 : 0 for @said;
    cmp_ok($connects, '<', 10, "... over $connects connections");
}

my @marks = split /\n/, many('messages?[1-60]', '-H',
    'Content-Type: application/json', '-d',
    $JSON->encode({ app => 'a', user => 'u', read => [2], delete_through => 1 }));
is(scalar(grep { /^204/ } @marks), 60, '60 marks at once');
is(join(' ', map { $_->{id} . ($_->{read} ? 'r' : '') }
    @{ $JSON->decode(scalar curl('messages?app=a&user=u'))->{messages} }),
    '2r 3', '... are there');

# --- clients that leave with answers under way, and reloads meanwhile

my @workers = $t->workers;
for my $round (1 .. 20) {
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec @curl, qw(-Z --parallel-max 60 -o), "$t->{dir}/left-$round", 'https://localhost/mds/v1/check?'
            . "app=a&kind=bundle&name=left&device=$round-[1-500]"
            or POSIX::_exit(127);
    }
    $t->wait_for(sub { -e "$t->{dir}/left-$round" });
    kill 'KILL', $pid;
    waitpid $pid, 0;
}
is(join(' ', $t->workers), "@workers", 'clients have left: the worker lives');
my ($admitted) = map { $_->{window}{admitted} } grep { $_->{id} eq 'left' }
    @{ $JSON->decode($t->mdsctl('--json', 'status'))->{apps}[0]{releases} };
ok($admitted > 20 && $admitted < 20 * 500, "... $admitted were let in");

my $pid = fork // die "fork: $!";
if ($pid == 0) {
    my @said = split /\n/,
        many('check?app=a&kind=bundle&name=left&device=r[1-2000]',
        qw(--retry 1 --retry-delay 1 --retry-all-errors));
    $t->write('said', join "\n", @said);
    POSIX::_exit(0);
}
for (1 .. 3) {
    sleep 0.05;
    $t->reload;
}
waitpid $pid, 0;
my @said = split /\n/, $t->read('said');
is(join(' ', grep { !/^200/ } @said), '',
    'reloads under 2,000 requests: with one retry, all are answered');
is(scalar @said, 2000, '... each');

$t->finish;
