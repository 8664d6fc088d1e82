# A window of a shared edge under load: devices ask two nginx on one depot,
# while the agent is frozen, drops its connections and answers late, the
# database goes away, and workers are killed. Nobody comes in whom the fleet has
# not let in, and who was told yes is told yes for good.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Agent;
use JSON::PP;
use LoadGen;
use MDS;
use Test::More;
use Time::HiRes qw(sleep time);

my $ROUNDS = ($ENV{MDS_SOAK} // 0) > 60 ? 60 : 2;
my $COUNT  = 400;
my $JSON   = JSON::PP->new->utf8;
my $load   = LoadGen->new;
my $t      = MDS->new(workers => 2, looks => 1);
my $u      = MDS->new(workers => 2, looks => 1);

$t->depot;
$t->write("b$_", "package $_") for 1, 2;
$t->mdsctl('apply', $t->document({ app => 'w', packages => [ map { { kind => 'bundle',
    name => 'shared', version => "$_", file => "b$_" } } 1, 2 ], releases => [ {
    id => 'shared', kind => 'bundle', name => 'shared', version => '2',
    audience => { window => { count => $COUNT } } } ] }));

my $config = <<"EOF2";
mds_depot @{[ $t->depot_dir ]};
keepalive_requests 100;
server { listen %LISTEN%; location = /check { mds_check; } }
EOF2
my $target = '/check?app=w&kind=bundle&name=shared&version=1&device=d#';

# Each round lets in some, so that the window fills over all of them.
my $agent = Agent->new($t->depot_dir);
$agent->start;
$_->start($config) for $t, $u;
ok($agent->wait_for_workers($t, $u), 'four workers connect');

my $ports  = [ $t->port, $u->port ];    # another one may have been taken at the start
my $fickle = 0;
my %yes;

sub load_during {
    my ($what, $do) = @_;
    my $run = $load->start(ports => $ports, devices => 2000, answers => 8000,
        target => $target, connections => 32);
    $do->() while $load->running($run);
    my $told = $load->wait($run);
    $yes{$_} = 1 for keys %{ $told->{yes} };
    $fickle += $told->{fickle};
    note("$what: " . keys(%yes) . " in, p99 $told->{p99}");
    cmp_ok(keys %yes, '<=', $COUNT, "$what: not one too many");
}

sub killed { my @w = map { $_->workers } $t, $u; kill 'KILL', $w[ rand @w ] if @w }

for my $round (1 .. $ROUNDS) {
    $agent->tell(limit => $COUNT * $round / $ROUNDS);
    load_during('frozen',  sub { $agent->freeze; sleep 0.1; $agent->thaw; sleep 0.05 });
    load_during('dropped', sub { $agent->drop; sleep 0.05 });
    load_during('away',    sub { $agent->tell(reachable => $_), sleep 0.05 for 0, 1 });
    load_during('killed',  sub { killed(); sleep 0.2 });
}

$agent->tell(reachable => 1);
is($fickle, 0, 'yes stays yes');
ok($agent->wait_for_workers($t, $u), 'all are connected again');

# The rest of the places goes to the first who ask; those whose yes came too
# late ask again.
my $in;
ok($t->wait_for(sub {
    my $told = $load->ask_all(ports => $ports, devices => 2000, target => $target);
    $yes{$_} = 1 for keys %{ $told->{yes} };
    $in = keys %{ $told->{yes} };
    $in == $COUNT;
}), "$COUNT are in") or diag("$in are");
is(scalar keys %yes, $COUNT, '... and no others were ever told yes');
my ($release) = @{ $JSON->decode($t->mdsctl('status', '--json'))->{apps}[0]{releases} };
is($release->{window}{admitted}, $COUNT, '... as the edge has written');
$t->mdsctl('verify');

$_->allow(qr/exited on signal 9/, qr/the agent is (?:away|connected again)/) for $t, $u;
$u->stop;
$t->finish;
