# The file of the state does not grow: not by readers and writers that are
# killed, however many, and not by clients that take their time. MDS_SOAK=N:
# for about N seconds, and 1,000 kills if there is time for so many.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use LoadGen;
use Digest::SHA;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;
use Time::HiRes qw(sleep time);

my $SOAK  = $ENV{MDS_SOAK} // 0;
my $KILLS = $SOAK ? 1000 : 60;
my $END   = time + ($SOAK || 20);
my $until = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 86_400));

my ($memory) = grep { -d && -w } '/dev/shm';
my $dir = tempdir(CLEANUP => 1, defined $memory ? (DIR => $memory) : ());
chmod 0755, $dir;
my $reader_holder = "$dir/reader_holder";
system(split(/ /, $ENV{CC} // 'cc'), '-o', $reader_holder,
    "$FindBin::Bin/lib/reader_holder.c", '-llmdb') == 0
    or die 'reader_holder.c cannot be compiled';

my $t = MDS->new(workers => 2, looks => 1);
{
    no warnings 'redefine';
    *MDS::depot_dir = sub { "$dir/depot" };
}
$t->depot;
$t->write('v1', 'one');
$t->write('v2', 'two' x 1_000_000);
$t->write('users', "u\n");
my %meta = (notes => { en => 'x' x 60_000 });
$t->mdsctl('apply', $t->document({
    app => 'a',
    packages => [ map({ { kind => 'upgrade', platform => 'p', version => "$_",
        file => "v$_", meta => \%meta } } 1, 2),
        { kind => 'bundle', name => 'w', platform => 'p', version => '1',
          file => 'v1' } ],
    releases => [
        { id => 'r', kind => 'upgrade', platform => 'p', version => '2',
            audience => { all => JSON::PP::true } },
        { id => 'w', kind => 'bundle', name => 'w', platform => 'p',
            version => '1', audience => { window => { count => 1_000_000_000,
                until => $until } } },
        map { { id => "c$_", kind => 'config', name => "key$_",
            value => 'v' x 20_000, audience => { all => JSON::PP::true } } }
            1 .. 5,
    ],
}));
$t->mdsctl(qw(message push a --users), "$t->{dir}/users", '--to', 'p=2',
    '--until', $until) for 1 .. 5;
my $sha = Digest::SHA::sha256_hex($t->read('v2'));

$t->allow(qr/exited on signal 9/);
$t->start(<<'EOF2');
mds_depot %DEPOT%;
server {
    listen %LISTEN% sndbuf=4k;
    location = /check    { mds_check; }
    location = /config   { mds_config; }
    location = /messages { mds_messages; }
    location   /files/   { mds_files; }
}
EOF2

my $state = $t->depot_dir . '/state/data.mdb';
my $load_gen = LoadGen->new;

# Another device each time is let into a window: a write for each answer.
sub load {
    return $load_gen->start(ports => [ $t->port ], connections => 8,
        devices => 1_000_000, answers => 1_000_000_000,
        target => '/check?app=a&kind=bundle&name=w&platform=p&device=d#');
}

sub unload {
    my ($run) = @_;
    kill 'TERM', $run->{pid};
    return $load_gen->wait($run);
}

sub readers {
    my ($status, $out) = $t->run({}, $reader_holder, 'list', $t->depot_dir);
    my %txn = $out =~ /^(\S+) (\d+)$/mg;
    return (delete $txn{last}, \%txn);
}

# The number of the last commit.
sub last_commit { return (readers())[0] }

# Waits until there were so many commits more.
sub goes_on {
    my ($count) = @_;
    my $from = last_commit();
    return $t->wait_for(sub { last_commit() >= $from + $count });
}

# The file does not grow: by less than 1,500 bytes with each commit of a second, where it
# is some 7,000 as long as a reader is in the way. A worker that waits for a processor is
# in the way, too, so that another second may tell more.
sub does_not_grow {
    return $t->wait_for(sub {
        my ($from, $size, $end) = (last_commit(), -s $state, time + 1);
        goes_on(100) or return 0;
        sleep $end - time if time < $end;
        return (-s $state) - $size < 1500 * (last_commit() - $from);
    });
}

# Readers that are dead, and not yet cleared away.
sub dead_readers {
    my (undef, $txns) = readers();
    return grep { !kill 0, $_ } keys %$txns;
}

# --- readers and workers killed at any moment

my @commands = (['status'], [qw(status a)], [qw(versions a)],
    [qw(devices a u)], [qw(message list a u)],
    [qw(explain app=a kind=upgrade platform=p user=u)],
    ['snapshot', "$t->{dir}/snapshot"]);
my ($kills, $in_time) = (0, 0);
my $run = load();
goes_on(100);
my $size = -s $state;

while (($kills < $KILLS && time < $END)
    || ($in_time <= $kills / 4 && $kills < 10 * $KILLS))
{
    my @pids = map {
        my $child = fork // die "fork: $!";
        if ($child == 0) {
            open STDOUT, '>', '/dev/null';
            open STDERR, '>', '/dev/null';
            exec "$MDS::BUILD/mdsctl", '--depot', $t->depot_dir,
                @{ $commands[ rand @commands ] } or POSIX::_exit(127);
        }
        $child;
    } 1 .. 4;
    sleep rand 0.02;
    for (@pids) {
        kill 'KILL', $_;
        waitpid $_, 0;
        $in_time++ if ($? & 127) == 9;
        $kills++;
    }
    if (rand() < 0.15) {
        my @workers = $t->workers;
        kill 'KILL', $workers[ rand @workers ] if @workers;
        $kills++;
    }
}
cmp_ok $in_time, '>', $kills / 4, "$kills killed, $in_time readers at work";

# Each worker clears them away when it looks.
$t->wait_for(sub { $t->workers == 2 });
ok $t->wait_until_looked, 'the workers look';
is_deeply [ dead_readers() ], [], '... and hold none of the dead';
ok does_not_grow(), '... so that the state does not grow';
note sprintf '%d kills, state %.1f MB before, %.1f MB after', $kills,
    $size / (1 << 20), (-s $state) / (1 << 20);
unload($run);

# --- clients that take their time

my @slow;

sub slow {
    my ($bytes, $rest) = @_;
    my $socket = IO::Socket::INET->new(Proto => 'tcp') or die $!;
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, pack 'i', 2048;
    $socket->connect(Socket::pack_sockaddr_in($t->port,
        Socket::inet_aton("127.0.0.1"))) or die $!;
    syswrite $socket, $bytes;
    push @slow, { socket => $socket, rest => $rest // '', got => 0 };
}

sub ask { slow("GET $_[0] HTTP/1.0\r\n\r\n") }

sub post {
    my ($to, $body) = @_;
    slow("POST $to HTTP/1.0\r\nContent-Type: application/json\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n", $body);
}

for (1 .. 3) {
    ask('/check?app=a&kind=upgrade&platform=p&version=1&user=u&device=s');
    ask('/config?app=a');
    ask('/messages?app=a&user=u&n=1000');
    ask("/files/$sha");
    post('/messages', '{"app":"a","user":"u","read":[1,2]}' . ' ' x 1000);
    post('/check', '{"app":"a","platform":"p","device":"s","user":"u",'
        . '"resources":[' . join(',', map { '{"kind":"upgrade","version":"1"}' }
        1 .. 100) . ']}');
}

# For some seconds, and until there was something to see.
$run = load();
goes_on(100);
my $from = last_commit();
my $end = time + ($SOAK ? 10 : 3);
sub were_served { scalar grep { $_->{got} > 10 } @slow }
ok $t->wait_for(sub {
    # every other reads not at all
    for my $i (grep { $_ % 2 == 0 } 0 .. $#slow) {
        my $s = $slow[$i];
        syswrite $s->{socket}, substr $s->{rest}, 0, 1, '' if $s->{rest} ne '';
        $s->{socket}->blocking(0);
        my $n = sysread $s->{socket}, my $byte, 1;
        $s->{got} += $n // 0;
    }
    return time > $end && were_served() > 2 && last_commit() > $from + 300;
}), 'many commits while some clients are slow, and are served';
my (undef, $before) = readers();
ok $t->wait_for(sub {
    my (undef, $txns) = readers();
    return !grep { ($txns->{$_} // '') eq $before->{$_} } keys %$before;
}), scalar(@slow) . ' slow clients: nobody reads for long';
ok does_not_grow(), '... and the state does not grow';
unload($run);
is $t->get('/check?app=a&kind=upgrade&platform=p&version=1')->status, 200,
    '... and so are others';
close $_->{socket} for @slow;

# --- a reader that is killed in the middle, while nobody opens the state anew

$run = load();
goes_on(100);
my $pid = open my $said, '-|', $reader_holder, 'hold', $t->depot_dir or die $!;
is scalar <$said>, "held\n", 'somebody reads';
ok goes_on(100), '... while others write';
kill 'KILL', $pid;
close $said;
ok $t->wait_until_looked, 'killed, and each worker has looked';
is_deeply [ dead_readers() ], [], '... and its slot is free';
ok does_not_grow(), '... and holds nothing';
unload($run);

$t->finish;
