# A shared edge, with an agent that does as the test says: whom the fleet lets
# in, what happens while it cannot be asked, the feed, the outbox, halts. Two
# workers, each of which answers in turn.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Agent;
use JSON::PP;
use MDS;
use Test::More;
use Time::HiRes qw(sleep time);

my $JSON = JSON::PP->new->utf8->canonical;
my $true = JSON::PP::true;
my $t    = MDS->new(workers => 2, looks => 1);

$t->depot;
$t->write("b$_", "package $_") for 1 .. 2;

my @names = qw(w1 w2 late away full row halt many reload closed fed);
my %document = (app => 'a',
    packages => [ map { my $name = $_; map { { kind => 'bundle', name => $name,
        version => "$_", file => "b$_" } } 1, 2 } @names ],
    releases => [ (map { { id => $_, kind => 'bundle', name => $_, version => '2',
            audience => { window => { count => 3 } } } } grep { !/halt|row/ } @names),
        { id => 'row-1', kind => 'bundle', name => 'row', version => '2', priority => 2,
          audience => { window => { count => 3 } } },
        { id => 'row-2', kind => 'bundle', name => 'row', version => '2', priority => 1,
          audience => { all => $true } },
        { id => 'halt', kind => 'bundle', name => 'halt', version => '2',
          audience => { all => $true },
          halt => { failure_percent => 30, min_reports => 2 } } ]);
$t->mdsctl('apply', $t->document(\%document));

my $CONFIG = <<'EOF2';
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /check    { mds_check; add_header Why $mds_reason always;
                           add_header By $mds_release always; }
    location = /messages { mds_messages; }
    location = /report   { mds_report; }
    location = /status   { mds_status; }
}
EOF2

my $agent = Agent->new($t->depot_dir);

sub ask {
    my ($name, $device) = @_;
    my $r = $t->get("/check?app=a&kind=bundle&name=$name&version=1&device=$device");
    return join ' ', $r->status, $r->header('Why') // '-', $r->header('By') // '-';
}

# The agent has 50 ms for an answer. Where the machine needs longer, the device asks again.
sub answer {
    my @device = @_;
    my $said;
    $t->wait_for(sub { ($said = ask(@device)) !~ /window_unknown/ });
    return $said;
}

# Devices that were asked for.
sub asked { map { "$_->{window} $_->{id} of $_->{limit}" } @{ $agent->heard->{admits} } }

sub report {
    my ($device, $event) = @_;
    my $body = $JSON->encode({ app => 'a', device => $device,
        reports => [ { release => 'halt', event => $event } ] });
    return $t->raw("POST /report HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: " . length($body) . "\r\n\r\n$body")
        ->status;
}

sub admitted {
    my ($id) = @_;
    my ($app) = grep { $_->{app} eq 'a' } @{ $JSON->decode($t->mdsctl('status', '--json'))->{apps} };
    my ($r) = grep { $_->{id} eq $id } @{ $app->{releases} };
    return $r->{window}{admitted};
}

sub wait_for_workers { $agent->wait_for_workers($t) }

# --- an edge alone

$t->start($CONFIG);
is(ask('w1', 'alone'), '200 window w1', 'an edge without an agent admits by itself');
ok(!-e $t->depot_dir . '/agent', '... and needs no folder for one');

# --- the fleet says yes, no and full

$agent->start;
ok(wait_for_workers(), 'both workers connect');
my $hello = $agent->heard->{hellos};
is(scalar(grep { $_->{wants} } @$hello), 1, '... of which one wants the feed');
is($hello->[0]{fleet}, "\0" x 16, '... and knows of no fleet yet');

$agent->tell(verdict => 'yes');
is(answer('w1', 'd1'), '200 window w1', 'yes');
my @asked = asked();
is(ask('w1', 'd1'), '200 window w1', '... again') for 1 .. 4;
is_deeply([ asked() ], \@asked, '... is asked for once, and then known to all workers');
is_deeply([ grep { $_ ne 'a w1 d1 of 3' } @asked ], [], '... by window, device and limit');
is(ask('w1', 'alone'), '200 window w1', 'who was in before is in');
$agent->forget;
$agent->tell(verdict => 'no');
is(answer('w1', 'd2'), '204 outside -', 'no') for 1 .. 2;
is(ask('w1', 'd1'), '200 window w1', '... but who is in stays in');
is_deeply([ grep { $_ ne 'a w1 d2 of 3' } asked() ], [], '... and is not asked for');
$agent->tell(verdict => 'full');
is(answer('full', 'd1'), '204 outside -', 'full');
is(answer('row', 'd1'), '200 all row-2', 'full: the next release holds');
$agent->tell(verdict => 'unknown');
is(ask('row', 'd1'), '200 window_unknown row-2', 'unknown: the same, and the reason tells');
is(ask('full', 'd1'), '204 window_unknown -', '... none holds');
is(admitted('full'), 0, 'nobody came in');
is(admitted('w1'), 2, 'two are in, as the fleet said yes to one');

# --- the fleet counts

$agent->tell(verdict => 'count');
is(join(' ', map { answer('many', "d$_") =~ s/ .*//r } 1 .. 6), '200 200 200 204 204 204',
    'three of six');
is(admitted('many'), 3, '... as the edge has written');
$agent->forget;
is(ask('many', 'd9'), '204 outside -', 'it is closed') for 1 .. 4;
is(@{ $agent->heard->{admits} }, 0, '... and nobody is asked');

# --- late, frozen, away

ok($t->wait_until_looked, 'no answer is on its way');
$agent->tell(verdict => 'silent');
my $began = time;
is(ask('late', 'd1'), '204 window_unknown -', 'late');
cmp_ok(time - $began, '>=', 0.045, '... after the budget');
$agent->forget;
$agent->freeze;
my %said = map { ask('late', "d$_") => 1 } 1 .. 80;
is_deeply(\%said, { '204 window_unknown -' => 1 }, 'frozen: nobody comes in');
$agent->thaw;
$agent->tell(verdict => 'yes');
ok($t->wait_for(sub { ask('late', 'd1') eq '200 window late' }),
    'it is asked again once it is connected anew');
cmp_ok(scalar(grep { !/ d1 / } asked()), '<=', 2,
    '... and one from each worker, at most, has waited for one that is late');
ok(wait_for_workers(), 'connected');
$agent->tell(reachable => 0);
$agent->forget;
ok($t->wait_until_looked, 'the database is away, as each worker knows');
is(ask('away', 'd1'), '204 window_unknown -', '... nobody comes in') for 1 .. 5;
is(@{ $agent->heard->{admits} }, 0, '... and nothing is asked');
$agent->tell(reachable => 1);
ok($t->wait_for(sub { ask('away', 'd2') eq '200 window away' }), '... and back');
$agent->kill;
$began = time;
is(ask('away', "d$_"), '204 window_unknown -', 'the agent was killed') for 3 .. 10;
is(ask('away', 'd2'), '200 window away', '... who is in stays in');
cmp_ok(time - $began, '<', 60, '... nobody waits');
$agent->stop;
$t->stop;
$t->start($CONFIG);
is(ask('away', 'd1'), '204 window_unknown -', 'the edge remembers that it shares') for 1 .. 2;
$agent->start;
$agent->tell(verdict => 'yes');
ok($t->wait_for(sub { ask('away', 'd1') eq '200 window away' }), '... and asks again');
is($agent->heard->{hellos}[0]{fleet}, $Agent::FLEET, '... the fleet that it remembers');

# --- what is no frame

sub survives {
    my ($bytes, $name) = @_;
    ok(wait_for_workers(), "connected, before: $name");
    my $before = $agent->heard->{closed};
    $agent->send($bytes);
    ok($t->wait_for(sub { $agent->heard->{closed} >= $before + 2 }),
        "$name ends both connections");
    ok($t->wait_for(sub { $agent->heard->{open} == 2 }), '... which are made again');
}

ok(wait_for_workers(), 'connected');
my $status = $t->get('/status?format=json')->json->{depots}[0]{fleet};
is_deeply($status, { reachable => $true, position => 0, lag => 0,
    outbox => { entries => 0, bytes => 0, oldest_seconds => 0, dropped => 0 } }, 'the status shows it');
like($t->get('/status?format=prometheus')->body, qr/^mds_fleet_reachable\{depot="[^"]+"\} 1$/m,
    '... as metrics, too');
survives("\xff" x 40, 'garbage');
survives(pack('N C N', 256 * 1024, 68, 0), 'a frame that is too long');
survives(Agent::frame(99, 0, ''), 'a frame of an unknown type');
survives(Agent::frame(66, 77, pack 'n C', 1, 1), 'an answer that nobody waits for');
survives(Agent::feed_frame(0, 9, [ 9, [ 16, 'x' ] ]), 'an entry that is malformed');
survives(Agent::feed_frame(0, 9, [ 9, Agent::admission("a\0w2", 'x') ],
    [ 9, Agent::admission("a\0w2", 'y') ]), 'numbers that do not rise');
survives(Agent::frame(67, 0, pack 'Q>', 1), 'an acknowledgment of nothing');
is(admitted('w2'), 0, 'nothing of it was applied');

# --- the feed

my @feed = map { [ $_ => Agent::admission("a\0w2", "f$_") ] } 1 .. 2;
$agent->tell(feed => \@feed, slice => 1, verdict => 'full');
ok($t->wait_for(sub { ($agent->heard->{acks}[-1] // 0) == 2 }), 'the feed is applied');
is(ask('w2', 'f1'), '200 window w2', 'who was let in elsewhere is in') for 1 .. 4;
is(answer('w2', 'd1'), '204 outside -', '... others are not');
my $acks = @{ $agent->heard->{acks} };
$agent->send(Agent::feed_frame(0, 2, @feed));
ok($t->wait_for(sub { @{ $agent->heard->{acks} } > $acks }), 'the feed is replayed');
$agent->tell(feed => [ @feed, [ 7 => Agent::admission("a\0w2", 'f3') ],
    [ 8 => Agent::window_full("a\0w2", 3, 99) ] ]);
ok($t->wait_for(sub { ($agent->heard->{acks}[-1] // 0) == 8 }), '... and with a gap');
is(admitted('w2'), 3, '... each one once');
$agent->forget;
is(ask('w2', "d$_"), '204 outside -', 'a window that is full elsewhere') for 1 .. 4;
is(@{ $agent->heard->{admits} }, 0, '... asks nobody');
$agent->forget;
$agent->send(Agent::feed_frame(50, 60, [ 60, Agent::admission("a\0w1", 'lost') ]));
# The other worker may come back as well, from where it looked last.
sub feeders { grep { $_->{wants} } @{ $agent->heard->{hellos} } }
ok($t->wait_for(sub { feeders() >= 1 }), 'a feed that leaves something out');
is((feeders())[0]{position}, 8, '... is asked for from where it was');
is(admitted('w1'), 2, '... and not applied');

# --- halts

ok(wait_for_workers(), 'connected');
$agent->tell(ack => 0);
is(report("r$_", 'failed'), 204, 'a report') for 1 .. 3;
is(ask('halt', 'd1'), '200 all halt', 'the edge halts nothing by itself') for 1 .. 2;
ok($t->wait_for(sub { @{ $agent->heard->{outbox} } >= 1 }), '... it tells the fleet');
my @items = @{ $agent->heard->{outbox} };
is($items[0]{type}, 2, '... of a report');
like($items[0]{entry}, qr/^\x00\x06a\x00halt/, '... of the release');
$agent->tell(feed => [ [ 9 => Agent::halt("a\0halt", 3, 3, 1790000000000) ] ]);
ok($t->wait_for(sub { ($agent->heard->{acks}[-1] // 0) == 9 }), 'the fleet halts it');
is(ask('halt', 'd1'), '204 halted halt', '... and all workers obey') for 1 .. 6;
$agent->tell(feed => [ [ 10 => Agent::resume("a\0halt", 1790000000001) ] ]);
ok($t->wait_for(sub { ($agent->heard->{acks}[-1] // 0) == 10 }), 'it resumes it');
is(ask('halt', 'd1'), '200 all halt', '... everywhere') for 1 .. 6;

# --- the outbox

sub outbox { my %n; $n{ $_->{number} }++ for @{ $agent->heard->{outbox} }; sort { $a <=> $b } keys %n }

$agent->tell(ack => 0);
# The rest of them is told when the first ones are acknowledged.
my @before = outbox();
ok($t->wait_for(sub { $t->get('/status?format=json')->json->{depots}[0]{fleet}{outbox}{entries}
    == 3 }), 'the status counts what is not acknowledged');
kill 'KILL', $t->workers;
ok($t->wait_for(sub { my $h = $agent->heard; $h->{open} == 2 && @{ $h->{hellos} } }),
    'all workers are killed');
$agent->forget;
$agent->drop;
ok($t->wait_for(sub { my @now = outbox(); @now >= 3 && $now[0] == $before[0] }),
    '... the outbox is sent again');
$agent->tell(ack => 1);
$agent->drop;
ok($t->wait_for(sub { $t->get('/status?format=json')->json->{depots}[0]{fleet}{outbox}{entries}
    == 0 }), '... until it is acknowledged');
$agent->forget;
$agent->drop;
ok(wait_for_workers(), 'connected anew');
is(report('r9', 'failed'), 204, 'another report');
ok($t->wait_for(sub { my @now = outbox(); scalar @now }), '... is sent');
cmp_ok((outbox())[0], '>', $before[-1], '... alone: nothing is sent twice');

# Devices, which the check has registered, are told, too.
is($t->get('/check?app=a&kind=bundle&name=halt&version=1&app_version=7&device=new')->status,
    200, 'a new device');
my @devices;
ok($t->wait_for(sub { @devices = grep { $_->{type} == 3 } @{ $agent->heard->{outbox} } }),
    '... is told');
like($devices[0]{entry}, qr/^\x00\x01a\x00\x03new\x00\x00\x00\x00\x00\x017/, '... with its version');

# --- the feed lets in a device while its window is asked in vain

ok(wait_for_workers(), 'connected');
$agent->tell(verdict => 'fed');
my ($n, $told) = (0, '');
ok($t->wait_for(sub { $told = ask('fed', 'x' . ++$n); $told =~ /^200/ }), 'in by the feed');
is($told, '200 window fed', '... as the reason says');

# --- reload

ok(wait_for_workers(), 'connected');
$agent->tell(verdict => 'count');
my @old = $t->workers;
$t->reload;
ok($t->wait_for(sub { !grep { kill 0, $_ } @old }), 'old workers end');
ok(wait_for_workers(), '... new ones connect');
is(answer('reload', 'd1'), '200 window reload', '... and ask');

# --- another fleet, a newer protocol, a stranger

$agent->stop;
$agent = Agent->new($t->depot_dir, fleet => 'another-database');
$agent->start;
ok($t->wait_for(sub { $agent->heard->{closed} >= 2 }), 'an agent of another database is refused');
is(ask('reload', 'd2'), '204 window_unknown -', '... and asked nothing');
$agent->stop;
$agent = Agent->new($t->depot_dir, protocol => 3);
$agent->start;
ok($t->wait_for(sub { $agent->heard->{closed} >= 2 }), 'so is one of a newer protocol');
$agent->stop;

SKIP: {
    skip 'not root', 1 if $> != 0;
    $agent = Agent->new($t->depot_dir);
    $agent->start(uid => 65534);
    ok($t->wait_for(sub { $agent->heard->{closed} >= 2 }), 'one of another user is left');
    is(@{ $agent->heard->{hellos} }, 0, '... without a word');
    $agent->stop;
}

$t->allow(qr/the agent is (?:away|refused|connected again)/, qr/a record of the state cannot be written/,
    qr/worker process \d+ exited on signal 9/);
$t->finish;
