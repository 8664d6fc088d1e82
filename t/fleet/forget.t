#!/usr/bin/perl

# A device or a user that is forgotten on one edge of three is forgotten in the
# database and on all others: on one that is cut off when it is back, on one that
# is killed when it runs again. What is said late, from before, brings nothing
# back; a device that checks again is known again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib", "$FindBin::Bin/../nginx/lib";
use JSON::PP ();
use Test::More;

use Fleet;
use Postgres;

plan skip_all => 'PostgreSQL is not installed (make deps-test)' if !Postgres::is_installed();

my $fleet = Fleet->new(edges => 3, workers => 2);
my $pg = $fleet->{pg};
my @edges = @{ $fleet->{edges} };
my $on = { kind => 'bundle', name => 'b', version => '1' };

$fleet->apply({
    app => 'a',
    packages => [ { %$on, file => 'file' } ],
    releases => [ { id => 'r', %$on, audience => { all => JSON::PP::true } } ],
});
$fleet->start;

sub seen {
    my ($edge, $device, $user) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $edge->get("/check?app=a&kind=bundle&name=b&platform=p&app_version=1&device=$device&user=$user")
        ->status, 200, "$device of $user checks on an edge";
}

# The devices of a user that an edge knows, or the fleet.
sub known {
    my ($edge, $user, @database) = @_;
    return join ' ', map { $_->{device} } @{ JSON::PP->new->utf8->decode(
        $edge->mdsctl('--json', 'devices', 'a', $user, @database)) };
}

sub becomes {
    my ($wanted, $what, $code) = @_;
    my $got;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok $fleet->wait_for(sub { ($got = $code->()) eq $wanted }), $what or diag "'$got', not '$wanted'";
}

sub edge_knows { my ($i, $user, $wanted, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    becomes($wanted, $what, sub { known($edges[$i], $user) }) }
sub fleet_knows { my ($user, $wanted, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    becomes($wanted, $what, sub { known($edges[0], $user, '--database', $pg->uri) }) }

sub forget {
    my ($i, $name) = @_;
    return JSON::PP->new->utf8->decode($edges[$i]->mdsctl('--json', 'devices', 'a', '--forget', $name,
        '--database', $pg->uri))->{forgotten};
}

# --- a user, on three edges, of which one is cut off

seen($edges[0], 'd1', 'alice');
seen($edges[1], 'd1', 'alice');
seen($edges[2], 'd2', 'alice');
seen($edges[1], 'd3', 'bob');
seen($edges[2], 'd4', 'dora');
fleet_knows('alice', 'd1 d2', 'the fleet knows the devices of a user');
fleet_knows('bob', 'd3', '... and of another');
fleet_knows('dora', 'd4', '... and of a third');
edge_knows(1, 'alice', 'd1', 'an edge knows those that have checked there');
edge_knows(2, 'alice', 'd2', '... another edge others');

# The database does not hear of these before.
$fleet->cut(2);
seen($edges[2], 'late', 'alice');
seen($edges[2], 'd3', 'alice');
edge_knows(2, 'alice', 'd2 d3 late', 'an edge that is cut off knows more devices of the user');
seen($edges[0], 'd4', 'alice');
fleet_knows('alice', 'd1 d2 d4', 'one of them is now a device of the user');

is forget(0, 'alice'), 3, 'the user is forgotten on one edge: three devices';
is known($edges[0], 'alice'), '', '... there';
is known($edges[0], 'alice', '--database', $pg->uri), '', '... in the fleet';
edge_knows(1, 'alice', '', '... and on another edge');
is known($edges[2], 'alice'), 'd2 d3 late', 'the edge that is cut off knows nothing of it';

$fleet->mend(2);
edge_knows(2, 'alice', '', '... and forgets when it is back');
edge_knows(2, 'dora', '', '... a device, too, that it knew as of another user');
seen($edges[2], 'marker', 'eve');
fleet_knows('eve', 'marker', 'what that edge had to tell is told');
is known($edges[0], 'alice', '--database', $pg->uri), '', '... and has brought nothing back';
fleet_knows('bob', '', 'a device that was told late to be of the user is forgotten by its name');
edge_knows(1, 'bob', '', '... also by the edge that knew it as of another user');
is $pg->sql("select count(*) from mds.devices where user_name = 'alice'"), 0,
    'the database has no row of the user';

# --- it comes back

seen($edges[1], 'd1', 'alice');
edge_knows(1, 'alice', 'd1', 'a device that checks again is known again');
fleet_knows('alice', 'd1', '... by the fleet, too');
ok $fleet->caught_up, 'every edge has heard of all';
is known($edges[1], 'alice'), 'd1', '... and what was forgotten before does not concern it';
is forget(2, 'd1'), 1, 'it is forgotten by its name, on an edge that never knew it';
edge_knows(1, 'alice', '', '... and on the edge that did');
is forget(2, 'd1'), 0, 'once more changes nothing';
ok $fleet->caught_up, '... on no edge';

# --- an edge that is killed meanwhile

$_->allow(qr/exited on signal 9/) for @edges;
seen($edges[1], 'k1', 'kim');
fleet_knows('kim', 'k1', 'a device is known');
edge_knows(1, 'kim', 'k1', '... to an edge');
kill 'STOP', $fleet->{agent}[1];
forget(0, 'kim');
kill 'KILL', $edges[1]->workers;
$fleet->kill_agent(1);
edge_knows(1, 'kim', '', 'agent and workers of it were killed: it forgets');

$_->finish_edge for @edges;
done_testing;
