#!/usr/bin/perl

# An edge follows an origin: by the network, by another edge, and through a cache.
# Whatever the origin gives that is wrong, and whenever the agent is killed, what is
# in force stays in force.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../nginx/lib", "$FindBin::Bin/../cli/lib";
use Digest::SHA qw(sha256_hex);
use JSON::PP;
use MDS;
use MIME::Base64;
use Test::More;
use Time::HiRes qw(sleep time);

my $t   = MDS->new;
my $dir = $t->dir;
$t->depot;

my $user = getpwnam('www-data') ? 'www-data' : 'nobody';

# An edge: the agent's user is that of the test, the workers' is nginx's.
sub edge {
    my ($name, %how) = @_;
    my @user = $> == 0 ? ('--user', $user, $how{plain} ? () : qw(--agent root)) : ();
    my ($code, $out, $err) = $t->run({}, "$MDS::BUILD/mdsctl", '--depot', "$dir/$name",
        'init', @user);
    die $err if $code != 0;
    return "$dir/$name";
}

sub current { unpack 'Q<', substr $t->read("$_[0]/CURRENT"), 8 }
sub figures { decode_json($t->read("$_[0]/agent/status")) }

my $edge  = edge('edge');
my $inner = edge('inner');
my $bare  = edge('bare', plain => 1);
mkdir "$dir/evil";
mkdir "$dir/evil/feed";
mkdir "$dir/evil/feed/$_" for qw(catalog lists);

$t->write('one', 'package one' x 1000);
$t->write('two', 'package two' x 1000);
$t->write('ids', join '', map { "user-$_\n" } 1 .. 20_000);
$t->mdsctl(qw(publish), "$dir/one", qw(--app a --kind bundle --name b --version 1));
$t->mdsctl(qw(list import a beta), "$dir/ids");
$t->mdsctl(qw(release a r1 --kind bundle --name b --version 1 --all --yes));

my $conf = <<"END";
mds_depot %DEPOT%;
proxy_cache_path $dir/cache keys_zone=feed:1m;
server {
    listen %LISTEN%;
    location /mds/v1/feed/    { mds_feed; }
    location /mds/v1/files/   { mds_files; }
    location /closed/feed/    { mds_feed; deny all; }
    location /cached/         { proxy_cache feed; proxy_cache_valid 200 1h;
                                proxy_pass http://%LISTEN%/mds/v1/; }
    location /evil/           { alias $dir/evil/; }
    location /edge/feed/      { mds_depot $edge; mds_feed; }
    location /edge/files/     { mds_depot $edge; mds_files; }
    location = /edge/check    { mds_depot $edge; mds_check; }
    location /bare/files/     { mds_depot $bare; mds_files;
                                mds_origin http://%LISTEN%/mds/v1; }
}
END
$t->start($conf);

my $url = $t->url('/mds/v1/');

# Runs the agent once: its exit code and its log.
sub once {
    my ($depot, $origin, @more) = @_;
    my ($code, $out, $err) = $t->run({}, "$MDS::BUILD/mdsctl", '--depot', $depot,
        qw(agent --once --origin),
        $origin, ((grep { $_ eq '--pub' } @more) ? () : ('--pub', "$dir/test.pub")), @more);
    return ($code, $err);
}

# Starts an agent, whose log is a file.
sub start_agent {
    my ($depot, $origin, @more) = @_;
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDERR, '>>', "$depot.log";
        exec "$MDS::BUILD/mdsctl", '--depot', $depot, qw(agent --origin), $origin, '--pub',
            "$dir/test.pub", @more;
    }
    return $pid;
}

sub end_agent { my ($pid, $signal) = @_; kill $signal // 'TERM', $pid; waitpid $pid, 0 }

sub faulty {
    my ($name, $pattern, $depot, @words) = @_;
    my $before = current($depot);
    my ($code, $said) = once($depot, @words);
    is $code, 1, "$name: exit 1";
    like $said, $pattern, '... and says so';
    is current($depot), $before, '... what is in force stays';
    is scalar(() = $said =~ /\n/g), 1, '... in one line' or diag $said;
}

# --- an edge is brought up to date

my ($code, $said) = once($edge, $url);
is $code, 0, 'once: exit 0' or diag $said;
is current($edge), current($t->depot_dir), 'the serial of the origin';
is figures($edge)->{serial}, current($edge), '... in the figures';
ok -f "$edge/files/" . sha256_hex('package one' x 1000), 'the file that runs';
is $t->get('/edge/check?app=a&kind=bundle&name=b')->status, 200, 'the edge answers';
($code, $said) = once($edge, $url);
is figures($edge)->{fetches}, 0, 'again: nothing is fetched';
unlink "$edge/files/" . sha256_hex('package one' x 1000);
($code, $said) = once($edge, $url, qw(--prefetch none));
is figures($edge)->{fetches}, 0, '... nor of what is not wanted';
($code, $said) = once($edge, $url, qw(--prefetch all));
ok -f "$edge/files/" . sha256_hex('package one' x 1000), '... but what is missing, with the same serial';
($code, $said) = $t->run({}, "$MDS::BUILD/mdsctl", '--depot', $edge, 'verify');
is $code, 0, 'verify of an edge' or diag $said;
unlink glob "$edge/files/" . sha256_hex('package one' x 1000) . '*';
($code, $said) = $t->run({}, "$MDS::BUILD/mdsctl", '--depot', $edge, 'verify');
is $code, 0, '... that does not have all files' or diag $said;
once($edge, $url);

my $long = 'x' x 90;
mkdir "$dir/$long";
($code, $said) = once(edge($long), $url);
is $code, 1, 'a path that is too long for a socket: exit 1';
like $said, qr/the path of an edge's depot must have at most 94 bytes/, '... and says so';

# --- who is no edge gets nothing

is $t->get("/closed/feed/$_")->status, 403, "closed: $_" for qw(head root/1 catalog/x);
faulty('closed', qr/the server answers 403/, $edge, $t->url('/closed/'));

# --- a hostile origin

$t->mdsctl('keygen', "$dir/other");
faulty('another key', qr/not signed by a key that may sign it/, $edge, $url,
    '--pub', "$dir/other.pub");

my $old = $t->read($t->depot_dir . '/feed/head');
$t->mdsctl(qw(pause a r1));
($code) = once($edge, $url);
is $code, 0, 'a change without a gap';
$t->write('evil/feed/head', $old);
faulty('an older head', qr/older head, of serial 3/, $edge, $t->url('/evil/'));

$t->mdsctl(qw(resume a r1));
my $head = $t->read($t->depot_dir . '/feed/head');
my $payload = decode_json(decode_base64(decode_json($head)->{payload}));
my $layer = $payload->{catalog}[0];
my $bytes = $t->read($t->depot_dir . "/feed/catalog/$layer->{sha256}");
$t->write('evil/feed/head', $head);

for my $case (['no file', undef, qr/not found \(404\)/],
    ['other bytes', $bytes ^ ("\0" x 999 . "\1"), qr/its SHA-256 is not the one/],
    ['a short file', substr($bytes, 0, 1000), qr/ended after 1000 of|another range/],
    ['a longer file', "$bytes$bytes", qr/more than the \d+ bytes/])
{
    my ($name, $given, $pattern) = @$case;
    unlink "$dir/evil/feed/catalog/$layer->{sha256}";
    $t->write("evil/feed/catalog/$layer->{sha256}", $given) if defined $given;
    unlink glob "$edge/agent/part/*";
    faulty($name, $pattern, $edge, $t->url('/evil/'));
}

# What has arrived of a file is not fetched again.
unlink glob "$edge/agent/part/*";
$t->write("edge/agent/part/$layer->{sha256}", substr $bytes, 0, 4096);
($code, $said) = once($edge, $url);
is $code, 0, 'a transfer that broke off goes on' or diag $said;
is figures($edge)->{fetched_bytes}, length($bytes) - 4096, '... behind what is there';

$t->write('evil/feed/head', '{"payload":"../../etc","payloadType":"x","signatures":[]}');
faulty('not a head', qr/payloadType/, $edge, $t->url('/evil/'));

# --- expiry

my $soon = time + 2;
$t->mdsctl(qw(head --expires 1s));
$t->wait_for(sub { time > $soon });
faulty('an expired head', qr/the head of the origin expired/, $edge, $url);
$t->mdsctl(qw(head));

# --- the disk

$t->mdsctl(qw(publish), "$dir/two", qw(--app a --kind bundle --name b --version 2));
$t->mdsctl(qw(release a r2 --kind bundle --name b --version 2 --all --yes));
faulty('a full disk', qr/--max-disk does not allow/, $edge, $url, qw(--max-disk 12k));
($code, $said) = once($edge, $url);
is $code, 0, 'room enough';
like $said, qr/a gap of \d+, whose changes it includes/, 'a gap is noted';

# --- an edge is the origin of another, and a cache stands between

($code, $said) = once($inner, $t->url('/edge/'));
is $code, 0, 'an edge behind an edge' or diag $said;
is current($inner), current($t->depot_dir), '... has the serial';
my $cached = edge('cached');
($code, $said) = once($cached, $t->url('/cached/'));
is $code, 0, 'an edge behind a cache' or diag $said;
$t->mdsctl(qw(pause a r2));
($code, $said) = once($cached, $t->url('/cached/'));
is $code, 0, '... follows' or diag $said;
is current($cached), current($t->depot_dir), '... since no head is stored';

# --- a hundred changes in a row

my $pid = start_agent($edge, $url);
$t->mdsctl($_ % 2 ? 'resume' : 'pause', qw(a r2)) for 1 .. 100;
ok $t->wait_for(sub { current($edge) == current($t->depot_dir) }),
    'a hundred changes in a row';

# --- the origin goes away, and comes back

$t->stop;
ok $t->wait_for(sub { $t->read("$edge.log") =~ /stays in force/ }), 'away: the log says so';
ok $t->wait_for(sub { -s "$edge/agent/status" && figures($edge)->{trouble} ne '' }),
    '... the figures, too';
$t->start($conf);
ok $t->wait_for(sub { $t->read("$edge.log") =~ /followed again/ }), 'and is back';
is scalar(() = $t->read("$edge.log") =~ /stays in force/g), 1, '... one line each';
end_agent($pid);

# --- kill -9 at any point

for my $n (1 .. 12) {
    $t->mdsctl($n % 2 ? 'resume' : 'pause', qw(a r2));
    my $killed = start_agent($inner, $url);
    sleep 0.03 * $n;
    end_agent($killed, 'KILL');
}
($code, $said) = once($inner, $url);
is $code, 0, 'killed at many points: the next run ends well' or diag $said;
is current($inner), current($t->depot_dir), '... with the serial of the origin';

# --- files on demand

$pid = start_agent($bare, $url, qw(--prefetch none));
ok $t->wait_for(sub { current($bare) == current($t->depot_dir) && -S "$bare/agent/files" }),
    'without files';
my $sha = sha256_hex('package two' x 1000);
ok !-e "$bare/files/$sha", 'the file is not there';
is $t->get("/bare/files/$sha")->body, 'package two' x 1000, 'a device asks for it';
ok -f "$bare/files/$sha", '... and it is stored';
is $t->get('/bare/files/' . ('ab' x 32))->status, 404, 'a name that nothing has: 404';
like $t->get("/bare/files/$sha.minisig")->body, qr/trusted comment/, 'its signature';
end_agent($pid);
$t->write('gone', '');
unlink "$bare/files/$sha", glob "$bare/files/*.minisig";
is $t->get("/bare/files/$sha")->status, 503, 'without the agent: later';

$t->allow(qr/the agent fetches no files/);
$t->finish;
