# Windows under load: 64 connections to two nginx on one depot, reloads,
# workers and whole instances killed in between. Never one more than the count,
# and who was told yes is told yes for ever. MDS_SOAK=SECONDS for more kills.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use LoadGen;
use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(sleep time);

# The load goes on for 10 minutes at most.
my $KILLS = ($ENV{MDS_SOAK} // 0) > 60 ? 400 : 5 * ($ENV{MDS_SOAK} // 5);
my $load_gen = LoadGen->new;
my $JSON  = JSON::PP->new->utf8;
my $until = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 86400));

my $t = MDS->new(workers => 4);
my $u = MDS->new(workers => 2);
$t->depot;
$t->write("b$_", "package $_") for 1, 2;

my %document = (app => 'w', packages => [], releases => []);

# A resource with a window, or with two in a row.
sub window {
    my ($name, @counts) = @_;

    push @{ $document{packages} }, map { { kind => 'bundle', name => $name,
        version => "$_.0", file => "b$_" } } 1, 2;
    push @{ $document{releases} }, map { { id => "$name-$_", kind => 'bundle',
        name => $name, version => '2.0', priority => -$_,
        audience => { window => { count => $counts[$_], until => $until,
            by => $name =~ /user/ ? 'user' : 'device' } } } } 0 .. $#counts;
}

# So many that it still fills when the kills end.
my $count = 300 + 1200 * ($KILLS < 60 ? $KILLS : 60);

window('open', 1_000_000);
window('full', 500);
window('kill', $count);
window('user', 200);
window('row', 50, 70);
$t->mdsctl('apply', $t->document(\%document));

my $config = <<"EOF2";
mds_depot @{[ $t->depot_dir ]};
keepalive_requests 100;
server { listen %LISTEN%; location = /check { mds_check; } }
EOF2

$_->allow(qr/exited on signal 9/) for $t, $u;
$_->start($config) for $t, $u;

sub ports { [ map { $_->port } @_ ] }

sub target { "/check?app=w&kind=bundle&name=$_[0]&version=1.0&" . ($_[1] // 'device=d#') }

sub admitted {
    my ($id) = @_;
    my ($r) = grep { $_->{id} eq $id } @{ $JSON->decode(
        $t->mdsctl('status', '--json'))->{apps}[0]{releases} };
    return $r->{window}{admitted};
}

sub yes { scalar keys %{ $_[0]{yes} } }

# --- many at once

my $told = $load_gen->wait($load_gen->start(ports => ports($t, $u), devices => 2000,
    answers => 8000, target => target('full')));
is(yes($told), 500, '2,000 devices, two nginx, six workers: 500 are told yes');
is(admitted('full-0'), 500, '... as status says');
is($told->{fickle}, 0, '... yes stays yes');
is_deeply($told->{other}, {}, '... nothing else was said');

# Two devices of each user, who has one place.
$told = $load_gen->wait($load_gen->start(ports => ports($t, $u), devices => 400,
    answers => 3000, target => target('user', 'user=u#&device=d')));
is(yes($told), 200, '400 users: 200');
is(admitted('user-0'), 200, '... as status says');

$told = $load_gen->ask_all(ports => ports($t, $u), devices => 500,
    target => target('row'));
is(yes($told), 120, 'two windows in a row: 50 and 70');
is(admitted("row-$_"), (50, 70)[$_], '... each as status says') for 0, 1;
is(scalar keys %{ $told->{no} }, 380, '... the others are told no');

# --- clients that leave before they are answered

$told = $load_gen->wait($load_gen->start(ports => ports($t, $u), devices => 600,
    answers => 3000, leave => 4, target => target('open', 'device=left-#')));
is($told->{fickle}, 0, 'clients leave before their answers');
cmp_ok($told->{lost}, '>', 500, "... $told->{lost} of them");
my $again = $load_gen->ask_all(ports => ports($t, $u), devices => 600,
    target => target('open', 'device=left-#'));
is(yes($again), 600, '... all are in');
is(admitted('open-0'), 600, '... once');

# --- reloads

my $run = $load_gen->start(ports => ports($t), devices => 1_000_000,
    answers => 1_000_000_000, target => target('open', 'device=re-#'));
for my $reload (1 .. 8) {
    my $before = admitted('open-0');
    ok($t->wait_for(sub { admitted('open-0') > $before }), 'a load_gen asks');
    $t->reload;
}
kill 'TERM', $run->{pid};
$told = $load_gen->wait($run);
is(scalar(grep { /open socket/ } split /\n/, $t->error_log), 0,
    '... no worker goes before it has answered');
is($told->{fickle}, 0, '... yes stays yes');

# --- kills

my $devices = int 1.3 * $count;
my $killed  = 0;
$run = $load_gen->start(ports => ports($t, $u), devices => $devices,
    answers => 1_000_000_000, target => target('kill'), leave => 50);

sub kill_worker {
    my ($who) = @_;
    my @workers;
    $who->wait_for(sub { @workers = $who->workers }) or die 'no workers';
    kill 'KILL', $workers[ rand @workers ];
    $killed++;
}

sub kill_all {
    my ($who) = @_;
    $killed += kill('KILL', $who->stopped_processes) - 1;
    waitpid delete $who->{pid}, 0;
    $who->wait_for(sub { !$who->connect }) or die 'somebody listens still';
    unlink "$who->{dir}/nginx.pid";
    $who->spawn;

    # Before it catches signals, SIGHUP would end it.
    $who->wait_until_up or die 'nginx does not start';
}

for my $i (1 .. $KILLS) {
    sleep 0.02 + rand 0.1;
    my $who = rand > 0.4 ? $t : $u;
    $i % 8 == 0 ? kill_all($who) : kill_worker($who);
    kill 'HUP', $t->{pid} if $i % 11 == 0;
}
# Of those that are in, each kill kept some 64 from hearing it.
ok($t->wait_for(sub { eval { admitted('kill-0') } >= ($killed * 64 + 500 < $count
    ? $killed * 64 + 500 : $count) }), 'devices come in all the time');
kill 'TERM', $run->{pid};
$told = $load_gen->wait($run);
cmp_ok($killed, '>=', $KILLS * 0.8, "$killed processes killed");

# The one that comes after them all finds a window with as many as it may hold.
for ($t, $u) {
    ok($_->wait_until_up, 'nginx is up');
}
my $after = $load_gen->ask_all(ports => ports($t, $u), devices => $devices,
    target => target('kill'));
my @evicted = grep { !$after->{yes}{$_} } keys %{ $told->{yes} };
cmp_ok(yes($told), '>', 100, yes($told) . ' were told yes meanwhile');
is($told->{fickle}, 0, '... and never no after that');
is("@evicted", '', '... and are told so again');
is(yes($after), $count, "then all $devices ask once: $count are in");
is(admitted('kill-0'), $count, '... as status says');

$t->mdsctl('promote', 'w', 'kill-0', '--window', 10, '--until', $until);
$again = $load_gen->ask_all(ports => ports($t, $u), devices => $devices,
    target => target('kill'));
is_deeply([ sort keys %{ $again->{yes} } ], [ sort keys %{ $after->{yes} } ],
    'count lowered: the same are in');

note("$killed processes killed, ", yes($told), ' told yes meanwhile');
$_->stop for $u;
unlike($u->error_log, qr/\[(?:emerg|crit)\]/, 'the other log is clean');
$t->finish;
