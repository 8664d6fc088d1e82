# mds_watch: devices that stay connected are told when their answer changes, and
# only then: by a change of the catalog, by a time, by a ramp.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Socket qw(SOCK_STREAM SOL_SOCKET SO_RCVBUF);
use Test::More;
use Time::HiRes qw(time);

my $CONFIG = <<'END';
mds_depot %DEPOT%;
mds_watch_ping 200ms;
mds_watch_retry 2s;
server {
    listen %LISTEN% sndbuf=1k;
    location = /check  { mds_check; }
    location = /config { mds_config; }
    location = /watch  { mds_watch; }
    location = /few    { mds_watch; mds_watch_max 2; }
    location = /deaf   { mds_watch; mds_watch_ping 5ms; send_timeout 500ms; }
    location = /quiet  { mds_watch; mds_watch_ping 1h; }
    location = /slow   { mds_watch; mds_watch_ping 1h; limit_rate 5; limit_rate_after 300; add_header Pad $arg_pad; }
    location = /lines  { mds_watch; add_header First $http_x_1; add_header Last $http_x_last; }
    location = /gzip   { mds_watch; gzip on; gzip_http_version 1.0; gzip_types *; gzip_min_length 0; }
    location = /after  { mds_watch; post_action /status; }
    location = /report { mds_report; }
    location = /status { mds_status; }
}
END

my $clock;
my $t = MDS->new(workers => 1, main => 'env MDS_CLOCK;',
    env => { MDS_CLOCK => ($clock = '/tmp/mds-watch-clock.' . $$) });
END { unlink $clock if $clock }

sub set_clock {
    my ($ms) = @_;
    $t->write("$clock.new", $ms);
    rename "$clock.new", $clock or die "rename: $!";
}
set_clock(0);

sub at { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + $_[0])) }

$t->depot;
$t->write("p$_", "package $_") for 1 .. 5;

my %document = (
    app => 'shop',
    lists => { staff => { ids => ['alice'] } },
    packages => [ map { { kind => 'bundle', name => 'home', version => "$_.0", file => "p$_" } } 1 .. 5 ],
    releases => [ { id => 'one', kind => 'bundle', name => 'home', version => '1.0', audience => { all => JSON::PP::true } } ],
);

sub apply {
    my ($id, %with) = @_;
    push @{ $document{releases} }, { id => $id, kind => 'bundle', name => 'home', %with } if defined $id;
    $t->mdsctl('apply', '--force', $t->document(\%document));
    $t->mdsctl('status', '--json') =~ /"serial":\s*(\d+)/ or die;
    return $1;
}

my $serial = apply();
$t->start($CONFIG);

my $HOME = 'app=shop&kind=bundle&name=home&version=1.0';

# Opens a stream and reads its header and first line.
sub watch {
    my ($uri, @lines) = @_;
    my $socket = $t->connect or die 'connect';
    $socket->syswrite(join "\r\n", "GET $uri HTTP/1.0", 'Host: a', @lines, '', '');
    my $bytes = $t->read_until($socket, qr/\n\n|\r\n\r\n[^r]/);
    return ($socket, $bytes);
}

sub stream {
    my ($query, @lines) = @_;
    my ($socket, $bytes) = watch("/watch?$query", @lines);
    $bytes .= $t->read_until($socket, qr/\n\n/) if $bytes !~ /retry: \d+\n\n/;
    return ($socket, $bytes);
}

# Reads until the bytes are what is wanted, however many comments come.
sub read_to {
    my ($socket, $wanted) = @_;
    my $bytes = '';
    $t->wait_for(sub {
        return 1 if $bytes =~ $wanted;
        return 0 if !IO::Select->new($socket)->can_read(0.1);
        return !$socket->sysread($bytes, 65536, length $bytes) || $bytes =~ $wanted;
    });
    return $bytes;
}

sub next_event { scalar read_to($_[0], qr/^data: .*\n\n/m) }

sub hears_nothing {
    my ($socket) = @_;
    # Comments come in order with events: of three, one was sent after now.
    my $bytes = read_to($socket, qr/(?:^:\n\n.*){3}/ms);
    return $bytes =~ /:\n\n/ && $bytes !~ /^event:/m;
}

# --- the header and the beginning

my ($all, $bytes) = stream('app=shop');
like($bytes, qr{^HTTP/1\.1 200 }, 'a stream begins');
like($bytes, qr{^Content-Type: text/event-stream\r}m, '... with its type');
like($bytes, qr{^Cache-Control: no-store\r}m, '... which no cache keeps');
like($bytes, qr{^X-Accel-Buffering: no\r}m, '... nor a proxy holds back');
like($bytes, qr{^MDS-Serial: $serial\r}m, '... with the serial');
like($bytes, qr{\r\n\r\nretry: (\d+)\n\n}, '... and says when to come back');
ok($bytes =~ /retry: (\d+)/ && $1 >= 1000 && $1 <= 3000, '... about mds_watch_retry');
like($t->read_until($all, qr/:\n\n/), qr/^:\n\n/m, 'a comment keeps the line open');

(undef, $bytes) = stream("app=shop&serial=@{[ $serial - 1 ]}");
$bytes .= '';
my ($late, $first) = watch("/watch?app=shop&serial=@{[ $serial - 1 ]}");
$first .= next_event($late) if $first !~ /data:/;
like($first, qr/^id: $serial\nevent: change\ndata: \{"serial":$serial\}\n\n/m,
    'what has changed since comes at once');
(my $known, $bytes) = stream("app=shop&serial=$serial");
unlike($bytes, qr/^event:/m, '... what has not, does not');
(my $again, $bytes) = stream("app=shop&serial=0", "Last-Event-ID: $serial");
unlike($bytes, qr/^event:/m, 'Last-Event-ID counts instead of the query');

# --- a change wakes those whom it concerns

my ($alice) = stream("$HOME&user=alice");
my ($bob) = stream("$HOME&user=bob");
my ($other) = stream('app=other');
$serial = apply('two', version => '2.0', audience => { lists => ['staff'] });

like(next_event($alice), qr/data: \{"serial":$serial\}/, 'a change comes to the device that it is for');
like(next_event($all), qr/data: \{"serial":$serial\}/, '... to those that watch the app');
like(next_event($known), qr/data: \{"serial":$serial\}/, '... to each of them');
ok(hears_nothing($bob), '... not to a device with the same answer');
ok(hears_nothing($other), '... not to another app');

$t->mdsctl('pause', 'shop', 'two');
like(next_event($alice), qr/data:/, 'a release that is paused is told');
$t->mdsctl('resume', 'shop', 'two');
like(next_event($alice), qr/data:/, '... and that it goes on');

# --- times

$serial = apply('three', version => '3.0', audience => { all => JSON::PP::true }, start => at(3600));
ok(hears_nothing($bob), 'a release that has not begun is not told');
set_clock(3_700_000);
like(next_event($bob), qr/data: \{"serial":$serial\}/, 'its start is, though the catalog stays');

set_clock(0);
pop @{ $document{releases} };
$serial = apply('ramp', version => '4.0', audience => { ramp => { from => 0, to => 100, start => at(0), end => at(3600) } });
my @devices = map { [ stream("$HOME&device=r$_") ]->[0] } 1 .. 12;
set_clock(1_800_000);
my $told = 0;
my %waits = map { $_ => 1 } 0 .. $#devices;
ok($t->wait_for(sub {
    for my $i (keys %waits) {
        next if !IO::Select->new($devices[$i])->can_read(0);
        my $got = next_event($devices[$i]);
        delete $waits{$i} if $got =~ /data/;
    }
    return keys %waits < 12;
}), 'a ramp that rises lets devices in, which are told');
set_clock(3_700_000);
delete $waits{$_} for grep { next_event($devices[$_]) =~ /data/ } keys %waits;
is(keys %waits, 0, '... all of them at its end');
set_clock(0);

# --- a window: who could be admitted is told

pop @{ $document{releases} };
apply();
my ($w1) = stream("$HOME&device=w1");
$serial = apply('window', version => '5.0', audience => { window => { count => 1, until => at(3600) } });
like(next_event($w1), qr/data:/, 'a window that opens is told to who is not in yet');
is($t->get("/check?$HOME&device=w1")->status, 200, '... who is admitted');
is($t->get("/check?$HOME&device=w2")->status, 204, '... once');

# --- a halt

my $halt = { failure_percent => 50, min_reports => 1 };
$serial = apply('hurts', version => '5.0', priority => 1, audience => { all => JSON::PP::true }, halt => $halt);
my ($h1) = stream("$HOME&device=h1");
my ($h2) = stream("$HOME&device=h2&refuse=5.0");
is($t->get("/check?$HOME&device=h3")->status, 200, 'a device is told to install');
my $report = encode_json({ app => 'shop', device => 'h3', release => 'hurts', version => '5.0', event => 'crashed' });
is($t->raw("POST /report HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: "
    . length($report) . "\r\n\r\n$report")->status, 204, '... and reports that it crashed');

# The worker sends a comment each 200 ms: its clock, by which it is within a second.
my $heard = '';
$h1->blocking(0);
1 while $h1->sysread($heard, 65536);
$h1->blocking(1);
$heard = next_event($h1) if $heard !~ /^data:/m;
like($heard, qr/^data:/m, 'the release is halted, which another device is told');
cmp_ok(scalar(() = $heard =~ /^:\n\n/mg), '<=', 6, '... within a second');
ok(hears_nothing($h2), '... not one that refuses the version');
$t->mdsctl('resume', 'shop', 'hurts');
like(next_event($h1), qr/data:/, '... and that it goes on');
pop @{ $document{releases} };
apply();
like(next_event($h1), qr/data:/, '... and that it is gone');
$_->close for $h1, $h2;

# --- configuration

my ($w3) = stream("$HOME&device=w3");
my ($dark) = stream('app=shop&kind=config&device=d');
push @{ $document{releases} }, { id => 'dark', kind => 'config', name => 'dark', value => JSON::PP::true, audience => { all => JSON::PP::true } };
apply();
like(next_event($dark), qr/data:/, 'a value of the configuration that changes is told');
ok(hears_nothing($w3), '... to nobody else');

# --- long poll

my $poll = $t->connect;
$serial = $t->get("/check?$HOME")->header('MDS-Serial');
$poll->syswrite("GET /watch?app=shop&serial=$serial&wait=300 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
my $count = sub { decode_json($t->get('/status?format=json')->body)->{watchers} };
$t->mdsctl('pause', 'shop', 'two');
$serial++;
my $answer = $t->rest_of($poll);
is($answer->status, 200, 'a long poll ends with a change');
is($answer->body, "{\"serial\":$serial}", '... and says its serial');
is($answer->header('MDS-Serial'), $serial, '... in the header, too');
is($answer->header('Content-Type'), 'application/json', '... as JSON');
is($t->get("/watch?app=shop&serial=1&wait=300")->body, "{\"serial\":$serial}",
    'one that comes late ends at once');
my $begun = time;
is($t->get("/watch?app=shop&serial=$serial&wait=1")->status, 204, 'without a change it ends with 204');
cmp_ok(time - $begun, '>=', 0.99, '... after its time');

# --- other directives of nginx

my ($plain, $head) = watch('/gzip?app=shop', 'Accept-Encoding: gzip');
unlike($head, qr/^Content-Encoding/mi, 'a stream is not compressed');
# A watcher is in the room that nginx has for 20 header lines, of which it takes 14.
for my $n (0 .. 4, 18 .. 20, 40) {
    my @lines = map { "X-$_: line $_" } 1 .. $n;
    my ($socket, $header) = watch("/lines?app=shop&n=$n", @lines, 'X-Last: end');
    is(join(' ', $header =~ /^(?:First|Last): (.*)\r/mg), $n ? 'line 1 end' : 'end',
        "a request with $n header lines and two watches, and keeps them");
    ok(hears_nothing($socket), '... and gets comments') if $n == 4;
}
my ($body) = watch('/watch?app=shop', 'Content-Length: 5');
ok($body->syswrite('abcde') == 5 && hears_nothing($body), 'a request with a body watches');
my $two = $t->connect;
$two->syswrite("GET /watch?app=shop&wait=1 HTTP/1.1\r\nHost: a\r\n\r\n"
    . "GET /status?format=json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
like($t->rest_of($two)->{bytes}, qr/204 No Content.*200 OK/s, 'a pipelined request waits for the first');
my ($after) = watch('/after?app=shop');
$after->close;
ok(hears_nothing($plain), 'post_action of a client that has gone does no harm');
$_->close for $plain, $body;

# --- many topics

my @named = map { [ stream("app=shop&kind=config&name=n$_") ]->[0] } 1 .. 5;
push @named, map { [ stream("app=app$_&kind=upgrade") ]->[0] } 1 .. 50;
ok(hears_nothing($named[-1]), 'many apps are watched');
$_->close for @named;

# --- bad requests, and limits

for my $bad (
    [ '', 'app' ], [ 'app=shop&serial=x', 'serial' ], [ 'app=shop&wait=0', 'wait' ],
    [ 'app=shop&wait=301', 'wait' ], [ "$HOME&version=x", 'version' ],
    [ 'app=shop&serial=99999999999999999999', 'serial' ],
) {
    my $r = $t->get("/watch?$bad->[0]");
    is($r->status, 400, "\"$bad->[0]\" is 400");
    like(decode_json($r->body)->{detail}, qr/$bad->[1]/, '... which says why');
}
is($t->raw("POST /watch?app=shop HTTP/1.0\r\n\r\n")->status, 405, 'only GET and HEAD');
is($t->raw("HEAD /watch?app=shop HTTP/1.0\r\n\r\n")->status, 200, 'HEAD has a header only');
is($t->raw("HEAD /watch?app=shop&wait=5 HTTP/1.0\r\n\r\n")->status, 204, '... of a poll, too');

my ($few, $no) = watch('/few?app=shop');
like($no, qr{^HTTP/1\.1 503 }, 'more than mds_watch_max are refused');
like($no, qr/^Retry-After: \d+\r/m, '... for a time');
like($no, qr/^MDS-Serial: \d+\r/m, '... with the serial');
like($no, qr/as many streams as \\"mds_watch_max\\" allows/, '... and why');
(undef, $no) = watch('/few?app=shop');
is(() = $t->read('error.log') =~ /mds_watch_max/g, 1, '... with one line in the log');

# --- a client that goes

$_->close for @devices, $alice, $bob, $other, $late, $known, $again, $w1, $w3, $dark;
ok($t->wait_for(sub { $count->() <= 2 }), 'who has closed is no longer counted');

# --- a client that does not read

my ($before, @deaf) = ($count->());

sub deaf {
    my $deaf = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->port,
        Proto => 'tcp', Type => SOCK_STREAM) or die "connect: $!";
    setsockopt $deaf, SOL_SOCKET, SO_RCVBUF, 1024 or die "setsockopt: $!";
    $deaf->syswrite("GET /deaf?app=shop HTTP/1.0\r\n\r\n");
    push @deaf, $deaf;
}

# On a busy machine it may be gone before it is seen: then another one comes.
ok($t->wait_for(sub {
    deaf();
    return grep { $count->() > $before } 1 .. 5 }), 'a client that does not read takes part');
ok($t->wait_for(sub { $count->() == $before }), '... until send_timeout is over');

# --- reload

my ($stays) = stream('app=shop');
my $kept = $t->connect;
$kept->syswrite("GET /watch?app=shop&wait=300 HTTP/1.1\r\nHost: a\r\n\r\n");
my ($quiet) = watch('/quiet?app=shop');
# Of some of these, the rate lets only a part of the last bytes through.
my @slow = map { [ watch('/slow?app=shop&pad=' . 'x' x (3 * $_)) ]->[0] } 1 .. 35;
$begun = time;
$t->reload;
my $end = $t->rest_of($stays)->{bytes};
like($end, qr{retry: \d+\n\n\z}, 'a reload ends a stream, which says when to come back');
like($t->rest_of($kept)->{bytes}, qr/204 No Content/, 'a reload ends a long poll');
ok(!$t->rest_of($quiet)->{hangs}, '... and a stream with no comments');
is(scalar(grep { $t->rest_of($_)->{bytes} =~ /retry: \d+\n\n\z/ } @slow), @slow, '... one that is sent slowly, too');
ok($t->wait_for(sub { $count->() == 0 }), '... and nobody is counted any more');
my ($new) = stream('app=shop');
apply('six', version => '5.0', audience => { all => JSON::PP::true });
like(next_event($new), qr/data:/, 'the new workers tell');

$t->finish;
