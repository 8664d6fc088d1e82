# mdsctl is killed at random moments, each of its commands, on one depot that
# nginx serves all the while: a change is there entirely or not at all, the
# depot is whole after each, and no answer is another than its serial says.
# MDS_SOAK=SECONDS for longer.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Live;
use MDS;
use Test::More;
use Time::HiRes qw(sleep time);

my $t    = MDS->new(workers => 2);
my $live = Live->new($t);
$t->start($live->config);

my $COMMANDS = 2000;    # at most, to have enough killed: a number, since a
                        # loaded machine takes long for each
my %seconds;    # that a command takes, by its name
my %ends = (killed => 0);
my $commands = 0;
my @wrong;

sub serial {
    return JSON::PP->new->utf8->decode($t->mdsctl('--json', 'status'))->{serial};
}

# Killed in two of three times, on its way or a moment too late. Says whether
# the catalog has changed.
sub struck {
    my (@command) = @_;
    my $name  = $command[0];
    my $kills = rand > 0.3;
    my $begun = time;

    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        $ENV{MDS_KEY} = "$t->{dir}/test.key";
        open STDOUT, '>', "$t->{dir}/said";
        open STDERR, '>&', \*STDOUT;
        exec "$MDS::BUILD/mdsctl", '--depot', $t->depot_dir, @command
            or POSIX::_exit(127);
    }
    if ($kills) {
        sleep rand 1.1 * ($seconds{$name} // 0.05);
        kill 'KILL', $pid;
    }
    waitpid $pid, 0;
    my $end = $? == 9 ? 'killed' : $? == 0 ? 'done' : 'failed';
    $ends{$end}++;
    $commands++;
    $seconds{$name} = time - $begun if $end eq 'done';

    push @wrong, "@command: failed: " . $t->read('said') if $end eq 'failed';
    my $was = $live->{serial};
    my $now = serial();
    push @wrong, "@command, $end: serial $was, then $now"
        if $now != $was && $now != $was + 1;
    my ($status, $out) = $t->mdsctl_any('verify', '--pub', "$t->{dir}/test.pub");
    push @wrong, "@command, $end: verify: $out" if $status != 0;
    $ends{'killed too late'}++ if $end eq 'killed' && $now == $was + 1;

    return $now == $was + 1;
}

$live->{runs} = \&struck;
$live->watch;
my $begun = time;
$live->change while !@wrong && (time < $begun + $live->{seconds}
    || $commands < $COMMANDS
        && ($ends{killed} < 20 || ($ends{done} // 0) <= 3
            || $live->{watch}->progress->{serials} <= 3));

my $heard = $live->judge('mdsctl is killed');
is("@wrong", '', 'each change is there or not, and the depot whole');
cmp_ok($ends{killed}, '>=', 20, "... $ends{killed} were killed");
cmp_ok($ends{done}, '>', 3, "... $ends{done} were not");
note(join ', ', map { "$_ $ends{$_}" } sort keys %ends);
cmp_ok($heard->{serials}, '>', 3, "... $heard->{serials} serials heard of");
$t->finish;
