# Reloads, and workers that are killed, under load and while the catalog changes:
# with one retry no request fails, no serial goes back, each answer is what its
# serial says. A broken configuration changes nothing; a depot that is not
# there stops no reload.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Live;
use MDS;
use Test::More;
use Time::HiRes qw(sleep time);

my ($t, $live);
my $CHECK = '/mds/v1/check?app=a&kind=none';

sub begin {
    $t    = MDS->new(workers => 2, looks => 1);
    $live = Live->new($t, @_);
    $t->allow(qr/exited on signal 9/);
    $t->start($live->config);
}

# Something every now and then, and changes in between: each time until the
# client has got answers after it, and heard of another serial. Goes on until
# the client has lost as many answers as it is to lose.
sub over {
    my ($seconds, $every, $what, $losses) = @_;
    my $end   = time + $seconds;
    my $vain  = time + $seconds + $t->{patience};
    my $watch = $live->{watch};
    my ($times, $next, $before) = (0, 0);

    while ($times < 3 || time < $end
        || $watch->progress->{lost} < ($losses // 0))
    {
        $before = $watch->progress;
        $next   = time + $every;
        $what->();
        $times++;
        do {
            $live->change;
            sleep rand 0.05;
            die 'the client hears nothing' if time > $vain;
        } while time < $next || !has_heard($watch->progress, $before);
    }
    return $times;
}

sub has_heard {
    my ($now, $before) = @_;
    return $now->{answers} > $before->{answers} + 50
        && $now->{serials} > $before->{serials};
}

# A generation that is proved in a thread, while the one before is served.
begin(ballast_bytes => 6_000_000);
$live->watch;
my $both = over($live->{seconds} / 2, 0.5, sub {
    kill 'HUP', $t->{pid};
    $live->kill_worker;
});
my $heard = $live->judge("$both reloads and kills, large generations");
cmp_ok($heard->{serials}, '>=', $both, "... of $heard->{serials} serials");
$t->stop;

begin();
$live->watch;
my $reloads = over($live->{seconds} / 2, $ENV{MDS_SOAK} ? 1 : 0.5,
    sub { kill 'HUP', $t->{pid} });
$heard = $live->judge("$reloads reloads");
cmp_ok($heard->{asked}, '>', 50 * $reloads, "... $heard->{asked} were asked");
cmp_ok($heard->{serials}, '>=', $reloads, "... of $heard->{serials} serials");
ok($t->wait_for(sub { 2 == (() = $t->workers) }), '... the old workers go');

$live->watch;
my $kills = over($live->{seconds} / 2, 0.4, sub { $live->kill_worker }, 1);
$heard = $live->judge("$kills kills");
cmp_ok($heard->{lost}, '>', 0, "... $heard->{lost} answers were lost");

# A broken configuration: the old workers go on.
my %old = map { $_ => 1 } $t->workers;
$t->allow(qr/"mds_check" has no "mds_depot"/);
$t->write_config('server { listen %LISTEN%; location = /check { mds_check; } }');
kill 'HUP', $t->{pid};
ok($t->wait_for(sub { $t->error_log =~ /has no "mds_depot"/ }),
    'a broken configuration is refused');
is(scalar(grep { $old{$_} } $t->workers), 2, '... the workers stay');
is($t->get($CHECK)->status, 204, '... and answer');

# A depot that is not there.
rename $t->depot_dir, $t->depot_dir . '.away' or die "rename: $!";
$t->reload($live->config);
is($t->get($CHECK)->status, 503, 'reloaded without a depot');
rename $t->depot_dir . '.away', $t->depot_dir or die "rename: $!";
ok($t->wait_until_looked, '... it is there again');
is($t->get($CHECK)->status, 204, '... and comes back');

# A worker that is killed is replaced, and opens the depot anew.
my ($victim) = $t->workers;
kill 'KILL', $victim;
ok($t->wait_for(sub { my @w = $t->workers; @w == 2 && !grep { $_ == $victim } @w }),
    'a killed worker is replaced');
is($t->get($CHECK)->status, 204, '... and answers') for 1 .. 4;

$t->finish;
