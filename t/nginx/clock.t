# A clock that jumps, forward by a year, back by days, to long ago, while
# devices ask and the catalog changes: nothing hangs, dies, goes below zero or
# loses what it has. MDS_SOAK=SECONDS for more jumps.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Live;
use MDS;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);

use constant DAY => 86_400;

my $t = MDS->new(workers => 2, main => 'env MDS_CLOCK;');
$ENV{MDS_CLOCK} = "$t->{dir}/clock";

# In one step, as a clock jumps.
sub clock {
    my ($seconds) = @_;
    $t->write('clock.new', $seconds * 1000);
    rename "$t->{dir}/clock.new", "$t->{dir}/clock" or die "rename: $!";
}

clock(0);
my $live  = Live->new($t);
my @jumps = (365 * DAY, 0, -2 * DAY, 400 * DAY, -30 * 365 * DAY, 0);

sub at { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + $_[0])) }

# What time decides: a ramp, a release that starts and ends, a message, a
# window of which there is no other change.
sub timed {
    my ($id, %more) = @_;
    return { id => $id, kind => 'bundle', name => $id, version => '1', %more };
}
my $all = { all => JSON::PP::true };
$t->write('package', 'timed');
$t->mdsctl('apply', $t->document({ app => 'b',
    packages => [
        { kind => 'upgrade', version => '1', file => 'package' },
        map { { kind => 'bundle', name => $_, version => '1',
            file => 'package' } } qw(ramp span window) ],
    releases => [
        timed('ramp', audience => { ramp => { from => 0, to => 100,
            start => at(0), end => at(100 * DAY) } }),
        timed('span', audience => $all, start => at(-100), end => at(100 * DAY)),
        timed('window', audience => { window => { count => 2,
            until => at(100 * DAY) } }),
    ] }));
$t->write('one', "u\n");
$t->mdsctl(qw(message push b --users), "$t->{dir}/one", '--to', 'p=1',
    '--until', at(50 * DAY));
$live->done for 1, 2;    # nothing to those
$t->start($live->config);

# --- each answer is the one of its time, wherever the clock comes from

sub answers {
    my ($device) = @_;
    my @got = map { my $name = $_; grep({ $t->get('/mds/v1/check?app=b'
        . "&kind=bundle&name=$name&device=$device")->status eq $_ } 200) ? 1 : 0 }
        qw(span window);
    my $list = $t->get('/mds/v1/messages?app=b&user=u')->json->{messages};
    return join ' ', @got, scalar @$list;
}

sub ramped {
    return scalar grep { $t->get('/mds/v1/check?app=b&kind=bundle&name=ramp'
        . "&device=r$_")->status == 200 } 1 .. 40;
}

is(answers('first'), '1 1 1', 'now');
for (1 .. 2) {
    clock(365 * DAY);
    is(answers('first'), '0 1 0', 'in a year: all is over, who is in is in');
    is(answers('late'), '0 0 0', '... nobody else is');
    is(ramped(), 40, '... the ramp is at its end');
    clock(-DAY);
    is(answers('first'), '0 1 1', 'a day ago: not begun, who is in is in');
    is(ramped(), 0, '... the ramp has not begun');
    clock(50 * DAY);
    is(answers('first'), '1 1 1', 'in 50 days');
    my $half = ramped();
    ok($half > 5 && $half < 35, "... the ramp is half way: $half of 40");
    clock(0);
    is(answers('first'), '1 1 1', 'now again');
}
is(answers('second'), '1 1 1', 'one more place');
is(answers('third'), '1 0 1', '... and no more');

# --- what is written under a clock that jumps

sub report {
    return map { $t->mdsctl('--json', @$_) } ['status'], ['log'], ['versions', 'b'],
        ['devices', 'b', 'u'], [qw(message list b u)], [qw(explain app=b
        kind=bundle name=ramp device=r)], ['verify'], [qw(gc --dry-run)];
}

# That the device is known to have asked at this day.
sub seen {
    my ($day) = @_;
    $t->get('/mds/v1/check?app=b&kind=upgrade&platform=p&device=seen&user=u'
        . '&version=1');
    return $t->wait_for(sub { my ($d) = grep { $_->{device} eq 'seen' }
        @{ JSON::PP->new->decode($t->mdsctl('--json', qw(devices b u))) };
        ($d->{seen} // '') =~ /^\Q$day\E/ });
}

for my $jump (@jumps) {
    clock($jump);
    my $day = substr at($jump), 0, 10;
    ok(seen($day), "$day: a device is seen");
    unlike(join('', report()), qr/[:\[ ]-\d/, '... and nothing is below zero');
}

$live->watch;
my ($begun, $count) = (time, 0);
while (time < $begun + $live->{seconds} / 2 || $count < 12) {
    clock($jumps[ $count++ % @jumps ]);
    $live->change;
}
clock(0);
$live->judge("$count jumps");
unlike(join('', report()), qr/[:\[ ]-\d/, 'nothing is below zero');
is(answers('first') =~ s/ \d$//r, '1 1', 'who was in is in');
$t->finish;
