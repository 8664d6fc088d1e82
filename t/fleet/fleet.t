#!/usr/bin/perl

# Three edges of two workers each follow an origin and share a PostgreSQL server,
# by `mdsctl agent`: a window is filled exactly, by devices that roam, while
# agents, workers and the server are killed and frozen, and one edge is cut off
# and comes back; marks of three edges become one; reports of several halt a
# release on all; a change of the origin reaches all.
#
# MDS_SOAK=SECONDS: a window of 5,000 for 20,000 devices, and faults for so long.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib", "$FindBin::Bin/../nginx/lib";
use JSON::PP ();
use List::Util qw(shuffle);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Fleet;
use Postgres;
use Schema;

plan skip_all => 'PostgreSQL is not installed (make deps-test)' if !Postgres::is_installed();

my ($limit, $devices, $faults) = $ENV{MDS_SOAK} ? (5000, 20_000, $ENV{MDS_SOAK}) : (500, 2000, 0);
my $fleet = Fleet->new(edges => 3);
my $pg = $fleet->{pg};
my @edges = @{ $fleet->{edges} };
my %on = (kind => 'bundle', version => '1');

$fleet->apply({
    app => 'a',
    packages => [ (map { { %on, name => $_, file => 'file' } } qw(window halts free)),
        map { { kind => 'upgrade', platform => 'p', version => "$_", file => 'file' } } 1 .. 3 ],
    releases => [
        { id => 'w', name => 'window', %on,
          audience => { window => { count => $limit, until => '2096-12-01T00:00:00Z' } } },
        { id => 'h', name => 'halts', %on, audience => { all => JSON::PP::true },
          halt => { failure_percent => 50, min_reports => 4 } },
        { id => 'f', name => 'free', %on, audience => { all => JSON::PP::true } },
    ],
});
my $origin = $fleet->{origin};
$origin->write('users', "user\n");
$origin->mdsctl(qw(message push a --until 7d --users), "$origin->{dir}/users", map { ('--to', "p=$_") } 1 .. 3);
$fleet->start;

# --- a window, and everything that can fail

my $dir = $fleet->{dir};
my $clients = 4;

# Asks for a share of the devices, on any edge, until each has been told yes, or
# that the window is full.
sub client {
    my ($n) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid != 0;
    srand $n;
    my @open = map { "device-$_" } grep { $_ % $clients == $n } 1 .. $devices;
    my ($checks, $unknown) = (0, 0);
    open my $yes, '>>', "$dir/yes.$n";
    $yes->autoflush;
    for (my $end = time + 300 + $faults; @open && time < $end; sleep 0.05) {
        my @again;
        for my $device (shuffle @open) {
            my $r = $fleet->check($edges[rand @edges], 'window', $device);
            my $reason = $r->header('Reason') // '';
            $checks++;
            $unknown++ if $reason eq 'window_unknown';
            print $yes "$device\n" if $r->status == 200;
            push @again, $device
                if $r->status != 200 && $reason ne 'outside';
        }
        @open = @again;
    }
    open my $left, '>', "$dir/left.$n";
    print $left map { "$_\n" } @open;
    close $left;
    open my $counts, '>', "$dir/counts.$n";
    print $counts "$checks $unknown";
    close $counts;
    POSIX::_exit(0);
}

my $begun = time;
my @pids = map { client($_) } 0 .. $clients - 1;
my $admitted = sub { $pg->sql("select coalesce(sum(admitted), 0) from mds.windows where release = 'w'") };
my $until = sub { my ($part) = @_; $fleet->wait_for(sub { $admitted->() >= $limit * $part }) };
my @faults = (
    sub { $fleet->kill_agent(0) },
    sub { $fleet->freeze_agent(1, 0.5) },
    sub { kill 'KILL', ($edges[1]->workers)[0] },
    sub { $pg->freeze; sleep 0.5; $pg->thaw },
    sub { $pg->kill9; $pg->start },
    sub { $fleet->cut(2); sleep 0.7; $fleet->mend(2) },
    sub { kill 'KILL', ($edges[2]->workers)[0]; $fleet->kill_agent(2) },
);
$_->allow(qr/exited on signal 9/) for @edges;
for my $i (0 .. $#faults) {
    $until->(($i + 1) / (@faults + 2));
    $faults[$i]->();
}
for (my $end = time + $faults; time < $end; sleep 1) {
    $faults[rand @faults]->();
}
waitpid $_, 0 for @pids;

my ($checks, $unknown) = (0, 0);
for my $n (0 .. $clients - 1) {
    my ($c, $u) = split ' ', Fleet::read_file("$dir/counts.$n");
    $checks += $c // 0;
    $unknown += $u // 0;
}
note sprintf '%d devices, a window of %d, %d checks, %d window_unknown, %.0f s', $devices, $limit,
    $checks, $unknown, time - $begun;

my %yes = map { $_ => 1 } map { split /\n/, Fleet::read_file("$dir/yes.$_") } 0 .. $clients - 1;
my @left = map { split /\n/, Fleet::read_file("$dir/left.$_") } 0 .. $clients - 1;
is scalar @left, 0, 'each device has been told yes or no';
is $admitted->(), $limit, "as many were let in as may be: $limit of $devices";
is scalar(keys %yes), $limit, '... and so many were told so';
is $pg->sql("select count(*) from mds.admissions where id in ("
    . join(',', map { "'$_'" } sort keys %yes) . ")"), $limit, '... the same ones';
ok $fleet->caught_up, 'every edge has heard of all';
for my $edge (@edges) {
    my @some = (shuffle keys %yes)[0 .. 99];
    is scalar(grep { $fleet->check($edge, 'window', $_)->status != 200 } @some), 0,
        'who was told yes is in on this edge';
    my @others = (grep { !$yes{$_} } map { "device-$_" } 1 .. $devices)[0 .. 49];
    is scalar(grep { $fleet->check($edge, 'window', $_)->status != 204 } @others), 0,
        '... and nobody else';
}

# --- an edge that is cut off serves as before, and does not ask

# The middle one of many checks, on an edge that is cut off and on one that is not, by
# turns: what else runs on the machine keeps both waiting.
my $median = sub {
    my @took;
    for my $n (1 .. 100) {
        for my $i (0, 2) {
            my $begun = time;
            $fleet->check($edges[$i], 'free', "p-$n");
            push @{ $took[$i] }, 1000 * (time - $begun);
        }
    }
    return map { (sort { $a <=> $b } @$_)[50] } @took[0, 2];
};
$fleet->cut(2);
is $fleet->check($edges[2], 'window', (keys %yes)[0])->status, 200, 'cut off: who is in is in';
is $fleet->check($edges[2], 'window', 'somebody')->status, 204, '... nobody else comes in';
my ($other, $cut);
ok $fleet->wait_for(sub { ($other, $cut) = $median->(); $cut < 20 + 10 * $other }),
    '... checks do not wait for the database';
note sprintf 'checks: %.1f ms, on the edge that is cut off %.1f ms', $other, $cut;

# --- marks of three devices on three edges

my @marks = ([ read => [3] ], [ delete_through => 1 ], [ read => [2] ]);
for my $i (shuffle 0 .. 2) {
    is $fleet->mark($edges[$i], 'user', @{ $marks[$i] })->status, 204, 'a mark on an edge'
        . ($i == 2 ? ', which is cut off' : '');
}
$fleet->mend(2);
for my $edge (@edges) {
    my $list;
    ok $fleet->wait_for(sub {
        my $r = $edge->get('/messages?app=a&user=user');
        $list = join ' ', map { $_->{read} ? "$_->{id} read" : $_->{id} } @{ $r->json->{messages} };
        return $list eq '2 read 3 read';
    }), 'all marks are on this edge' or diag $list;
}
ok $fleet->caught_up, 'the edge is back, and has heard of all';

# --- reports on two edges, a halt on three

is $fleet->check($_, 'halts', 'new')->status, 200, 'a release is offered' for @edges;
$fleet->check($edges[$_ % 2], 'halts', "r-$_") for 0 .. 3;    # they are told to install it
is $fleet->report($edges[$_ % 2], "r-$_", 'h', $_ < 2 ? 'failed' : 'installed')->status, 204,
    'a device reports' for 0 .. 3;
for my $edge (@edges) {
    ok $fleet->wait_for(sub { $fleet->check($edge, 'halts', 'new')->status == 204 }),
        'two of four reports are failures: the release is halted on this edge';
}
$fleet->{origin}->mdsctl('resume', 'a', 'h', '--database', $pg->uri);
for my $edge (@edges) {
    ok $fleet->wait_for(sub { $fleet->check($edge, 'halts', 'new')->status == 200 }),
        'it is resumed by one command: this edge offers it again';
}

# --- a change

$origin->mdsctl(qw(pause a f));
for my $edge (@edges) {
    ok $fleet->wait_for(sub { $fleet->check($edge, 'free', 'new')->status == 204 }),
        'a release that the origin pauses is paused on this edge';
}

# --- the figures of an edge

my $facts;
ok $fleet->wait_for(sub {
    $facts = JSON::PP->new->utf8->decode($edges[0]->mdsctl(qw(--json status)));
    return $facts->{agent}{database_reachable} && $facts->{agent}{database_round_trip_microseconds}
        && $facts->{agent}{database_stored} && !$facts->{fleet}{outbox}{entries};
}), 'status shows what the agent does' or diag explain $facts;
is_deeply [ Schema->new("$FindBin::Bin/../../docs/schema/status.json")->errors($facts) ], [],
    '... by status.json';
like $edges[0]->mdsctl('status'), qr/^database: reachable, round trip [\d.]+ ms; \d+ admitted/m,
    '... and in words';
my $shown = $edges[0]->get('/status?format=json')->json;
is_deeply [ Schema->new("$FindBin::Bin/../../docs/schema/status-edge.json")->errors($shown) ], [],
    'mds_status has them, too';
is $shown->{depots}[0]{agent}{database_reachable}, 1, '... that the database is reachable';

# --- devices

# A worker that is killed may lose what it has heard in the last seconds.
ok $fleet->wait_for(sub { $pg->sql("select count(*) from mds.devices where device like 'device-%'")
    >= 0.5 * $devices }), 'the fleet knows the devices';

$_->finish_edge for @edges;
done_testing;
