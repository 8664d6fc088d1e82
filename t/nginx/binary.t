# nginx's upgrade on the fly, of binary and module, under load and while the
# catalog changes: with one retry no request fails, no serial goes back, be it
# answered by the old binary or the new one: generations are too large to be
# proved by whoever asks. The way back, too. MDS_SOAK=SECONDS
# for longer.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Daemon;
use Live;
use Test::More;
use Time::HiRes qw(sleep time);

my $t    = Daemon->new(workers => 2);
my $live = Live->new($t, ballast_bytes => 6_000_000);
$t->start($live->config);

# Changes go on until it is so.
sub until_so {
    my ($what, $code) = @_;
    my $end = time + $t->{patience};

    $live->change for 1 .. 2;
    until ($code->()) {
        die "$what: waited in vain\n" . $t->error_log if time > $end;
        $live->change;
    }
    $live->change for 1 .. 2;
}

sub gone { my ($pid) = @_; return sub { !kill 0, $pid } }

sub upgrade {
    my ($forth) = @_;
    my $old = $t->master;
    my $new;

    $t->install;
    kill 'USR2', $old;
    until_so('a new master', sub {
        $new = $t->master;
        return $new && $new != $old && 2 == (() = $t->workers_of($new));
    });
    kill 'WINCH', $old;
    until_so('no old workers', sub { !$t->workers_of($old) });

    if ($forth) {
        kill 'QUIT', $old;
        until_so('no old master', gone($old));
    } else {
        kill 'HUP', $old;
        until_so('old workers', sub { $t->workers_of($old) });
        kill 'QUIT', $new;
        until_so('no new master', gone($new));
    }
    $t->{pid} = $t->master;
    return $t->{pid} == ($forth ? $new : $old);
}

$live->watch;
my ($end, $forth, $back, $wrong) = (time + $live->{seconds}, 0, 0, 0);
do {
    $wrong++ if !upgrade(1);
    $wrong++ if !upgrade(0);
    $forth++;
    $back++;
} while time < $end || $live->{watch}->progress->{answers} <= 200
    || $live->{watch}->progress->{serials} <= 10;

my $heard = $live->judge("$forth upgrades, $back ways back");
is($wrong, 0, 'each ended with the master that it should');
cmp_ok($heard->{asked}, '>', 200, "$heard->{asked} were asked");
cmp_ok($heard->{serials}, '>', 10, "... of $heard->{serials} serials");

$t->finish;
