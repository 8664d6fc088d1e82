# The demo: the story comes true, its commands can be copied, it can be told
# twice, it works where the workers cannot come and in a path with a space,
# and it stops its own nginx alone.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use Test::More;

plan skip_all => 'the stock tools are not for sanitizers'
    if $ENV{TEST_NGINX_PRELOAD};

my $t      = MDS->new;
my $tree   = "$t->{dir}/my mds";    # as if it had been cloned and built
my $demo   = "$tree/build/demo";
my $port   = $t->port;
my %env    = (BUILD => 'build', DEMO_PORT => $port, NGINX => '/some/nginx');
my $away;

mkdir $_ or die "$_: $!" for $tree, "$tree/t", "$tree/build";
symlink "$MDS::ROOT/t/demo", "$tree/t/demo";
symlink "$MDS::BUILD/$_", "$tree/build/$_"
    for qw(mdsctl ngx_http_mds_module.so);

END {
    my $status = $?;
    demo('stop', '--remove') if defined $demo;
    $? = $status;
}

# The exit status and all that is said.
sub demo {
    my ($what, @words) = @_;
    my ($status, $out, $err) = $t->run(\%env, 'timeout', 900,
        "$tree/t/demo/$what", @words);
    return ($status, $out . $err);
}

sub check_story {
    my ($said) = @_;

    my @told = $said =~ /^ +answer +(.*)$/mg;
    is_deeply(\@told, [
        'nothing to do', 'install version 1.1.0',    # carol, alice
        ('install version 1.1.0') x 3,               # all: carol, bob, dave
        'nothing to do',                             # alice has it
    ], '... who was told what');

    my @got = $said =~ /^ +download +(\w+)/mg;
    is_deeply(\@got, [ ('delta') x 3, 'full' ], '... and got what');

    like($said, qr/All ten phones were told, the last one (\d+) ms/,
        '... a release is told to those that wait');
    like($said, qr/eleventh phone.*HTTP\/1\.1 204 /s, '... and halts');
    like($said, qr/\[warn\].*release perl-1\.2\.0 .*: 3 of 10 devices failed/,
        '... as the log says');
    like($said, qr/^ +halted .*: 3 of 10 devices failed\n.*7 installed, 0 failed, 3 crashed/m,
        '... and status');
    like($said, qr/^ +upgrade: install 1\.1\.0 -> install 1\.0\.0\n/m,
        '... what another document would do is simulated');

    my $new = $t->read("$demo/perl-1.1.0.tar");
    cmp_ok(length $new, '>', 4e6, '... a package of several megabytes');
    is(scalar(grep { $t->read("$demo/$_.tar") eq $new }
        qw(alice bob carol dave hand)), 5, '... byte for byte');
    like($said, qr/: \d\d\.\d % saved/, '... and saved something');
    is(-e "$demo/depot/demo.key", undef, '... the key is not in the depot');
}

# Runs what the story shows between two of its lines, as a newcomer would.
sub follow {
    my ($said, $from, $to) = @_;
    my ($export) = $said =~ /^    \$ (export .*)$/m;
    my ($part)   = $said =~ /\Q$from\E(.*)\Q$to\E/s;
    my @lines    = $part =~ /^    \$ (.*)$/mg;

    my $script = join "\n", 'set -e', "cd '$tree'", $export, @lines;
    my ($status, $out, $err) = $t->run({}, 'sh', '-c', $script);
    is($status, 0, scalar(@lines) . " lines can be copied: $lines[0]")
        or diag($out, $err);

    return $out;
}

# Somebody else has the port.
sub port_is_taken {
    my ($taken) = @_;
    my $other = IO::Socket::INET->new(Listen => 1, LocalPort => $taken,
        LocalAddr => '127.0.0.1', ReuseAddr => 1) or die "port $taken: $!";
    local $env{DEMO_PORT} = $taken;
    my ($status, $said) = demo('run');
    is($status, 1, 'a port that is taken');
    like($said, qr/127\.0\.0\.1:$taken is taken .* DEMO_PORT=/,
        '... and what to do');
}

# A process that nobody has waited for is gone, too.
sub is_gone {
    my ($pid) = @_;
    return $t->read("/proc/$pid/stat") !~ /\) [^ZX][^)]*\z/;
}

port_is_taken($port);

# Where the workers cannot come.
chmod 0700, $t->{dir};
my ($status, $said) = demo('run');
is($status, 0, 'in a folder of one\'s own') or diag($said);
$away = readlink $demo;
if ($> == 0) {
    like($away, qr{^/var/tmp/mds-demo\.\w+$}, '... it is elsewhere');
    like($said, qr{build/demo is a link to \Q$away\E}, '... and says so');
    like($said, qr/workers: \d+ \((?!root)\S+\)/, '... workers are not root');
}
check_story($said);
like(follow($said, 'Ask it:', 'All that was made'),
    qr/^HTTP.* 200 .*"version":"1\.1\.0".*install 1\.1\.0/s, '... it answers');
like(follow($said, 'The same by hand', 'A release that hurts'),
    qr/Signature and comment signature verified/, '... and by hand');

# Again, where they can.
chmod 0755, $t->{dir};
my ($pid) = split ' ', $t->read("$demo/nginx.pid");
port_is_taken($t->free_port);
ok(!is_gone($pid) && -s "$demo/perl-1.1.0.tar",
    '... and the earlier demo is as it was');
($status, $said) = demo('run');
is($status, 0, 'a second time') or diag($said);
like($said, qr/earlier demo was running; it is stopped/, '... says so');
ok(is_gone($pid), '... the old nginx is gone');
ok(!-l $demo && -d $demo, '... the folder is here');
ok(!defined $away || !-e $away, '... and elsewhere no more');
check_story($said);

# Stopped; with somebody else's pid left behind, and once more.
my ($master) = split ' ', $t->read("$demo/nginx.pid");
($status, $said) = demo('stop');
is("$status $said", "0 The demo is stopped.\n", 'stopped');
ok(is_gone($master), '... the nginx is gone');
ok(!$t->connect, '... nobody listens');

# Where nobody reaps: process 1 of a container that waits for its own alone.
SKIP: {
    skip 'only root makes a container', 3 if $> != 0
        || system('unshare --pid --fork --mount-proc true 2> /dev/null') != 0;
    my ($status, $out, $err) = $t->run(\%env, 'timeout', 900, qw(unshare --pid
        --fork --mount-proc --kill-child perl -e), <<'END', "$tree/t/demo");
my ($demo) = @ARGV;
for my $word ('run', 'run', 'stop') {
    my $pid = fork // die "fork: $!";
    exec { "$demo/$word" } $word or die "$word: $!" if $pid == 0;
    waitpid $pid, 0;
    print "exit $?\n";
}
my @zombies = `cat /proc/[0-9]*/stat` =~ /\(nginx\) Z/g;
print 'zombies ', scalar @zombies, "\n";
END
    is(join(' ', $out =~ /^exit (.*)/mg), '0 0 0', 'twice where nobody reaps')
        or diag($out, $err);
    like($out, qr/earlier demo was running; it is stopped/, '... was stopped');
    like($out, qr/^zombies [1-9]/m, '... and is a zombie');
}

$t->write("$demo/nginx.pid", "$$\n");
($status, $said) = demo('stop');
is("$status $said", "0 The demo is not running.\n", 'not running is fine');

($status, $said) = demo('stop', '--remove');
ok($status == 0 && !-e $demo, 'removed');

undef $demo;
$t->finish;
