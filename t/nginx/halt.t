# Releases that reports halt: who counts, from when on and where it is obeyed,
# what survives, and how it ends. Two workers, of which each answers in turn.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Select;
use JSON::PP;
use MDS;
use Test::More;

my $JSON = JSON::PP->new->utf8->canonical;
my $true = JSON::PP::true;
my $t    = MDS->new(workers => 2);

$t->depot;
$t->write("b$_", "package $_") for 1 .. 3;

my %limit = (failure_percent => 30, min_reports => 10);

sub bundle {
    my ($name, %more) = @_;
    return { kind => 'bundle', name => $name, version => '1', file => 'b1' },
           { kind => 'bundle', name => $name, version => '2', file => 'b2' };
}

sub release {
    my ($id, $name, $version, %more) = @_;
    return { id => $id, kind => 'bundle', name => $name, version => "$version",
             audience => { all => $true }, %more };
}

my %document = (app => 'a',
    packages => [ map { bundle($_) } qw(plain back free window watched) ],
    releases => [
        release('plain-1', 'plain', 1),
        release('plain-2', 'plain', 2, halt => \%limit),
        release('back-1', 'back', 1),
        release('back-2', 'back', 2, halt => { %limit, rollback => $true }),
        release('free-2', 'free', 2),
        release('watched-2', 'watched', 2, halt => \%limit),
        release('window-2', 'window', 2, halt => \%limit,
            audience => { window => { count => 100 } }),
    ]);
$t->mdsctl('apply', $t->document(\%document));

my $config = <<'END';
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /check   { mds_check; add_header Why $mds_reason always;
                          add_header By $mds_release always; }
    location = /report  { mds_report; }
    location = /watch   { mds_watch; }
    location = /explain { mds_explain; }
    location = /status  { mds_status; }
    location   /shown/  { mds_attribute app a; mds_attribute device $arg_device;
                          mds_resource bundle plain; alias %DIR%/v$mds_version/; }
}
END

mkdir $t->dir . "/v$_" for 1, 2;
$t->write("v$_/x", "version $_") for 1, 2;
$t->start($config);

sub check {
    my ($name, $device, %more) = @_;
    my $r = $t->get("/check?app=a&kind=bundle&name=$name&device=$device"
        . join '', map { "&$_=$more{$_}" } sort keys %more);
    return $r->header('Why') . ($r->status == 200
        ? ' ' . $r->json->{action} . ' ' . ($r->json->{version} // 'none') : '');
}

sub report {
    my ($release, $device, $event, %more) = @_;
    my $body = $JSON->encode({ app => 'a', device => $device,
        release => $release, event => $event, %more });
    return $t->raw("POST /report HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body")->status;
}

# Devices that are told to install, and then say how it ended.
sub devices {
    my ($name, $first, @events) = @_;
    for my $i (0 .. $#events) {
        my $device = "$name-" . ($first + $i);
        check($name, $device, version => 1);
        report("$name-2", $device, $events[$i]);
    }
}

sub of_release {
    my ($id) = @_;
    my ($r) = grep { $_->{id} eq $id } @{ $JSON->decode(
        $t->mdsctl('status', '--json'))->{apps}[0]{releases} };
    return $r;
}

# Both workers say so, each within a second of the report.
sub everywhere {
    my ($want, $title, $ask) = @_;
    my %said;
    $said{ $ask->() }++ for 1 .. 30;
    is join(', ', sort keys %said), $want, $title;
}

# --- made-up devices halt nothing

is check('plain', 'd1', version => 1), 'all install 2', 'before: install';
report('plain-2', "made-up-$_", 'crashed') for 1 .. 40;
is of_release('plain-2')->{reports}{crashed}, 40, '40 made-up devices report';
is of_release('plain-2')->{halted}, undef, '... and halt nothing';
$t->head("/check?app=a&kind=bundle&name=plain&device=head-$_&version=1") for 1 .. 20;
report('plain-2', "head-$_", 'crashed') for 1 .. 20;
is of_release('plain-2')->{halted}, undef, '... nor do those that HEAD was told';

# --- one device is one device

devices('plain', 1, ('installed') x 7, ('crashed') x 2);
report('plain-2', 'plain-8', 'crashed') for 1 .. 5;
report('plain-2', 'plain-8', 'failed');
is of_release('plain-2')->{halted}, undef, '9 ends: too few';
devices('plain', 10, 'installed');
is of_release('plain-2')->{halted}, undef, '2 of 10: too few failures';
report('plain-2', 'plain-1', 'downloaded');
is of_release('plain-2')->{halted}, undef, 'a download does not end an installation';
is check('plain', 'd1', version => 1), 'all install 2', '... it goes on';

# --- the report that crosses the line

is report('plain-2', 'plain-3', 'rolled_back'), 204, 'the third failure';
everywhere('halted', '... halts it in both workers',
    sub { check('plain', 'd1', version => 1) });
is check('plain', 'd1'), 'all install 1', 'a device without it gets the one below';
is check('plain', 'plain-1', version => 2), 'current', 'who has it keeps it';

my $batch = $t->raw(do {
    my $body = $JSON->encode({ app => 'a', device => 'd1', resources => [
        { kind => 'bundle', name => 'plain', version => '1' },
        { kind => 'bundle', name => 'free', version => '1' } ] });
    "POST /check HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type:"
        . " application/json\r\nContent-Length: " . length($body) . "\r\n\r\n$body" });
is join(' ', map { $_->{action} } @{ $batch->json->{results} }), 'none install',
    'a batch obeys, too';
is $t->get('/shown/x?device=d1')->body, 'version 1', '... and mds_resource';
my $why = $t->get('/explain?app=a&kind=bundle&name=plain&device=d1&version=1')->json;
is "$why->{action} $why->{reason}", 'none halted', '... and explain';
my ($candidate) = grep { $_->{release} eq 'plain-2' } @{ $why->{candidates} };
my ($test) = grep { $_->{test} eq 'halt' } @{ $candidate->{tests} };
is $test->{seen}, '3 of 10 failed', '... with the figures';
like $test->{wants}, qr/^halted at \S+Z, when 3 of 10 had failed$/, '... and when';
is $JSON->decode($t->mdsctl(qw(explain --json app=a kind=bundle name=plain
    device=d1 version=1)))->{reason}, 'halted', 'mdsctl explain says the same';
my @lines = grep { /\[warn\].*halted/ } split /\n/, $t->error_log;
is scalar @lines, 1, 'one line in the log, at warn';
like $lines[0], qr/release plain-2 of a is halted: 3 of 10 devices failed/, '... says why';
$t->allow(qr/is halted/);

my $halted = of_release('plain-2')->{halted};
is "$halted->{failures} of $halted->{reports}", '3 of 10', 'status says why';
like $t->mdsctl('status', 'a'),
    qr/^      halted $halted->{at}: 3 of 10 devices failed$/m, '... and when';
like $t->mdsctl('log', 'a'),
    qr/^-  $halted->{at}  nginx  a: release plain-2 halted: 3 of 10 devices failed$/m,
    'the log, too';
my ($logged) = grep { $_->{release} } @{ $JSON->decode($t->mdsctl(qw(log --json))) };
is "$logged->{command} $logged->{release} $logged->{time}",
    "halted plain-2 $halted->{at}", '... as JSON';
is $t->mdsctl('export', 'a') =~ /halted/, '', 'the document is as it was';

# --- it survives

$t->reload;
is check('plain', 'd1', version => 1), 'halted', 'after a reload';
$t->stop;
$t->start($config);
everywhere('halted', 'after a restart', sub { check('plain', 'd1', version => 1) });
$document{poll} = { after_s => 60 };
$t->mdsctl('apply', $t->document(\%document));
is check('plain', 'd1', version => 1), 'halted', 'after a change of the app';

# --- resume

like $t->mdsctl('resume', 'a', 'plain-2', '--dry-run'), qr/would not be halted/,
    'resume --dry-run';
ok of_release('plain-2')->{halted}, '... changes nothing';
like $t->mdsctl('resume', 'a', 'plain-2'), qr/not halted any more/, 'resume';
everywhere('all install 2', '... takes effect at once',
    sub { check('plain', 'd1', version => 1) });
is of_release('plain-2')->{halted}, undef, '... status says so';
is of_release('plain-2')->{reports}{crashed}, 0, '... counts anew';
like $t->mdsctl('log', 'a'), qr/plain-2 halted: 3 of 10 devices failed; resumed \S+Z$/m,
    '... the log remembers';
devices('plain', 1, ('crashed') x 9);
is check('plain', 'd1', version => 1), 'all install 2', '9 fail';
devices('plain', 10, 'installed');
is check('plain', 'd1', version => 1), 'halted', '... and the tenth end halts again';
my ($code) = $t->mdsctl_any('resume', 'a', 'free-2');
isnt $code, 0, 'one that is neither paused nor halted: an error';

# --- with "rollback"

is check('back', 'back-1', version => 2), 'current', 'with rollback: before';
devices('back', 1, ('installed') x 7, ('failed') x 3);
everywhere('halted rollback 1', 'a device that has it goes back',
    sub { check('back', 'back-1', version => 2) });
is check('back', 'd9', version => 1), 'halted', '... others do not get it';
$t->mdsctl('resume', 'a', 'back-2');
is check('back', 'back-1', version => 2), 'current', '... until it is resumed';

# --- with a window

devices('window', 1, ('installed') x 7, ('failed') x 3);
is of_release('window-2')->{window}{admitted}, 10, 'a window admits ten';
is check('window', 'new', version => 1), 'halted', '... then it is halted';
is of_release('window-2')->{window}{admitted}, 10, '... and admits nobody';

# --- devices that are connected

# Opens a long poll of a device; the answer comes when its answer has changed.
sub watching {
    my ($query) = @_;
    my $socket = $t->connect or die 'connect';
    print {$socket} "GET /watch?app=a&wait=20&$query HTTP/1.1\r\nHost: a\r\n"
        . "Connection: close\r\n\r\n";
    $socket->flush;
    return $socket;
}

devices('watched', 1, ('installed') x 7, ('failed') x 2);
check('watched', 'watched-10', version => 1);
my $wakes = watching('kind=bundle&name=watched&device=w1&version=1');
my $sleeps = watching('kind=bundle&name=free&device=w1&version=1');
ok $t->wait_for(sub { ($t->get('/status?format=json')->json->{watchers} // 0) == 2 }),
    'two devices watch';
report('watched-2', 'watched-10', 'failed');
is $t->rest_of($wakes)->status, 200, 'a halt wakes a device that would get it';
ok $t->wait_for(sub { ($t->get('/status?format=json')->json->{watchers} // 0) == 1 }),
    '... and no other';
is scalar(() = IO::Select->new($sleeps)->can_read(0)), 0, '... which has heard nothing';
close $sleeps;

# --- the numbers of an edge

my $status = $t->get('/status?format=json')->json;
my ($shown) = grep { $_->{id} eq 'window-2' } @{ $status->{depots}[0]{releases} };
is $shown->{reports}{failed}, 3, 'mds_status: reports';
is "$shown->{halted}{failures} of $shown->{halted}{reports}", '3 of 10', '... the halt';
like $t->get('/status?format=prometheus')->body,
    qr/^mds_release_reports\{[^}]*release="window-2"[^}]*event="failed"[^}]*\} 3$/m,
    '... as metrics';
like $t->get('/status?format=html')->body, qr{<td><bdi>halted</bdi>}, '... on the page';

# --- without the limit

delete $_->{halt} for @{ $document{releases} };
$t->mdsctl('apply', '--force', $t->document(\%document));
is check('plain', 'd1', version => 1), 'all install 2',
    'a document without the limit ends the halt';

$t->finish;
