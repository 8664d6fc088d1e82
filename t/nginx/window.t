# Windows, one device after the other: who takes a place, who takes none, who
# stays in, why it closed; and what happens when the state cannot be written,
# or is not there.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);

my $t = MDS->new(workers => 4, looks => 1, main => "env MDS_CLOCK;\n");
$ENV{MDS_CLOCK} = "$t->{dir}/clock";
$t->depot;
$t->write("b$_", "package $_") for 1 .. 3;

my $JSON = JSON::PP->new->utf8->canonical;

sub at { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime($_[0])) }
sub clock { $t->write('clock', $_[0] * 1000) }

my $start = time;

# A resource of its own for each test: its 1 is installed, 2 is released.
my (@packages, @releases);

sub packages {
    my ($name, %more) = @_;
    push @packages, map { { kind => $more{kind} // 'bundle', name => $name,
        version => "$_.0", file => "b$_" } } 1 .. 3;
}

sub release {
    my ($id, $name, $window, %more) = @_;
    my %audience = %{ delete $more{audience} // {} };
    push @releases, { id => $id, kind => 'bundle', name => $name,
        version => '2.0', audience => { window => { until => at($start + 3600),
            %$window }, %audience }, %more };
}

my %document = (app => 'w', lists => {
        staff => { ids => ['alice'] }, lab => { ids => ['l1'], by => 'device' },
        not => { ids => ['bad'], by => 'device' } },
    packages => \@packages, releases => \@releases);

sub apply { $t->mdsctl('apply', '--force', $t->document(\%document)) }

sub window_of {
    my ($id) = @_;
    my ($r) = grep { $_->{id} eq $id } @{ (grep { $_->{app} eq 'w' }
        @{ $JSON->decode($t->mdsctl('status', '--json'))->{apps} })[0]{releases} };
    return $r->{window};
}

sub url { "/check?app=w&kind=bundle&name=$_[0]&version=1.0&$_[1]" }

# The release that a device is told to install, or -.
sub told {
    my ($name, $who) = @_;
    my $r = $t->get(url($name, $who));
    return $r->status == 204 ? '-' : $r->status == 200 ? $r->json->{release}
        : $r->status;
}

sub told_all {
    my ($name, @who) = @_;
    return join ' ', map { told($name, $_) } @who;
}

clock(0);
packages($_) for qw(plain user list row late raised again b1 b2 b3 b4 disk);
release('plain', 'plain', { count => 3 }, audience => { except => ['not'] }, rules => [
    { attribute => 'brand', op => 'not_in', values => ['Old'] } ]);
release('user', 'user', { count => 2, by => 'user' });
release('list', 'list', { count => 2 }, audience => {
    lists => [ 'staff', 'lab' ], percent => 0 });
release('row-1', 'row', { count => 1 }, priority => 2);
release('row-2', 'row', { count => 2 }, priority => 1);
push @releases, { id => 'row-3', kind => 'bundle', name => 'row',
    version => '2.0', audience => { all => JSON::PP::true } };
release('late', 'late', { count => 10, until => at($start + 1000) });
release('raised', 'raised', { count => 2 });
release('again', 'again', { count => 2 });
release($_, $_, { count => 1 }) for qw(b1 b2 b3);
push @releases, { id => 'b4', kind => 'bundle', name => 'b4',
    version => '2.0', audience => { all => JSON::PP::true } };
release('disk', 'disk', { count => 1_000_000 });
push @packages, map { { kind => 'sdk', name => 'core', version => "$_.0",
    file => "b$_", deltas => 0 } } 1 .. 3;
push @releases, { id => 'core', kind => 'sdk', name => 'core',
    version => '3.0', delta => { missing => 'none' },
    audience => { window => { count => 5, until => at($start + 3600) } } };
apply();

my $CONFIG = <<'EOF2';
mds_depot %DEPOT%;
log_format mds '$arg_n $status $mds_reason $mds_release';
server {
    listen %LISTEN%;
    location = /check { mds_check; access_log %DIR%/access.log mds; }
}
EOF2
$t->start($CONFIG);

# --- who takes no place

is($t->head(url('plain', 'device=d1&brand=New'))->status, 204, 'HEAD: not in it yet');
like($t->mdsctl(qw(explain app=w kind=bundle name=plain version=1.0 brand=New
    device=d1)), qr/0 of 3.*may still come in.*reason: outside/s, 'explain: the same');
is($t->get("/check?app=w&kind=bundle&name=plain&device=d1&brand=New&version=$_")->status,
    204, "has $_: nothing to do") for '2.0', '2', '3.0', '2.0.1';
is(told('plain', $_), '-', "no place for: $_") for 'device=d1&brand=New&refuse=2.0',
    'device=d1&brand=New&refuse=1.5,v2', 'device=bad&brand=New', 'device=d1&brand=Old', 'device=d1',
    'user=u1&brand=New', 'brand=New', 'device=&brand=New';
is_deeply(window_of('plain'), { admitted => 0, count => 3 },
    '... and none was taken');

is($t->get("/check?app=w&kind=sdk&name=core&version=1.0&device=d1")->status,
    204, 'there is no delta, and nothing else is offered');
is(window_of('core')->{admitted}, 0, '... so no place is taken');
is($t->get("/check?app=w&kind=sdk&name=core&device=d1")->status, 200,
    'nothing installed: the full one');
is(window_of('core')->{admitted}, 1, '... takes a place');

# --- a place each, for good

my @plain = map { "device=d$_&brand=New" } 1 .. 5;
is(told_all('plain', @plain), 'plain plain plain - -', 'three of five');
is(told_all('plain', reverse @plain), '- - plain plain plain', '... and again');
my $window = window_of('plain');
is($window->{admitted}, 3, '... counted');
is($window->{closed}, 'full', '... why it closed');
like($window->{closed_at}, qr/^20\d\d-.*Z$/, '... when');
is($t->head(url('plain', $plain[0]))->status, 200, 'HEAD: is in it');
like($t->mdsctl(qw(explain app=w kind=bundle name=plain version=1.0 brand=New
    device=d1)), qr/3 of 3.*: is in it.*reason: window/s, 'explain: the same');
like($t->mdsctl(qw(explain app=w kind=bundle name=plain version=1.0 brand=New
    device=d9)), qr/not in it, and it is full.*reason: outside/s, '... or not');
is($t->get(url('plain', $plain[0]) . '&refuse=2')->status, 204,
    'one that is in it can refuse');
is($t->get(url('plain', $plain[0]) =~ s/1\.0/2.0/r)->status, 204,
    '... or have it');

is(told_all('user', 'user=u1&device=1', 'user=u1&device=2', 'user=u2',
    'user=u3&device=1', 'device=u1'), 'user user user - -', 'by user');
is(window_of('user')->{admitted}, 2, '... who are two');

is(told_all('list', 'user=alice&device=a', 'device=l1',
    'user=alice&device=b', 'device=c', 'device=d', 'device=e',
    'user=alice&device=e'), 'list list list list list - list',
    'those on a list are in, and two more');
is(window_of('list')->{admitted}, 2, '... who take the places');

is(told_all('row', map { "device=$_" } 1 .. 4), 'row-1 row-2 row-2 row-3',
    'who is refused by a window falls through to the next');
is(told_all('row', map { "device=$_" } 4, 3, 2, 1), 'row-3 row-2 row-2 row-1',
    '... and stays');

# --- time

my ($late) = grep { $_->{id} eq 'late' } @releases;

is(told_all('late', 'device=1', 'device=2'), 'late late', 'in time');
is(window_of('late')->{closed}, undef, '... open');
clock($start + 900 - time);
is(told('late', 'device=3'), 'late', 'just in time');
clock(1001);
is(told_all('late', map { "device=$_" } 1 .. 4), 'late late late -',
    'too late; those in it stay');
like($t->mdsctl(qw(explain app=w kind=bundle name=late version=1.0 device=4)),
    qr/its time is over.*reason: outside/s, '... says explain');
$window = window_of('late');
is_deeply($window, { admitted => 3, count => 10, closed => 'time',
    closed_at => at($start + 1000) }, '... why it closed, and when');
is(window_of('plain')->{closed}, 'full', 'the other one was full');
$late->{audience}{window}{count} = 1;
apply();
is(window_of('late')->{closed}, 'time', 'a count lowered later changes no reason');
$late->{audience}{window}{count} = 10;
clock(0);
apply();
$late->{audience}{window}{count} = 2;
apply();
is_deeply(window_of('late'), { admitted => 3, count => 2, closed => 'full' },
    'lowered before it filled: full, at no time');
$late->{audience}{window}{count} = 10;
clock(1001);
$late->{audience}{window}{until} = at($start + 2000);
apply();
is(told_all('late', map { "device=$_" } 1 .. 4), 'late late late late',
    'a later end: it is open again');
$late->{audience}{window}{until} = at($start - 2000);
apply();
is(told_all('late', map { "device=$_" } 1 .. 5), 'late late late late -',
    'an end in the past puts nobody out');
clock(7200);
is(told_all('plain', @plain), 'plain plain plain - -', 'full, and over: the same');
is(window_of('plain')->{closed}, 'full', '... it was full first');
clock(0);

# --- the release changes

my ($raised) = grep { $_->{id} eq 'raised' } @releases;
my @r = map { "device=$_" } 1 .. 8;
is(told_all('raised', @r[0 .. 3]), 'raised raised - -', 'two');
$raised->{audience}{window}{count} = 4;
apply();
is(told_all('raised', reverse @r[0 .. 4]), 'raised raised - raised raised',
    'count raised: two more');
$raised->{audience}{window}{count} = 1;
apply();
my %in = map { $_ => told('raised', $_) } @r;
is(join(' ', map { $in{$_} } @r), 'raised raised - raised raised - - -',
    'count lowered: nobody is put out');
is(window_of('raised')->{admitted}, 4, '... and the count is the real one');
is(window_of('raised')->{closed}, 'full', '... full');
$t->mdsctl('promote', 'w', 'raised', '--all');
is(told_all('raised', @r), join(' ', ('raised') x 8), 'promoted to all');
$t->mdsctl('promote', 'w', 'raised', '--list', 'staff');
is(told_all('raised', @r[0, 1]), '- -', 'promoted to a list: no window');
$t->mdsctl('promote', 'w', 'raised', '--window', 5, '--until', at($start + 3600));
is(told_all('raised', @r[0, 1, 3, 4, 5, 6]),
    'raised raised raised raised raised -',
    'promoted to a window again: those in it are, and one more');
$t->mdsctl('pause', 'w', 'raised');
is(told_all('raised', @r[0, 6]), '- -', 'paused');
$t->mdsctl('resume', 'w', 'raised');
is(told_all('raised', @r[0, 6]), 'raised -', 'resumed');
is(window_of('raised')->{admitted}, 5, '... five');

# An app of the same release, and a release of the same id that was gone.
is(told('again', 'device=1'), 'again', 'one is in');
my @all = @releases;
@releases = grep { $_->{id} ne 'again' } @releases;
apply();
is(told('again', 'device=1'), '-', 'the release is gone');
@releases = @all;
apply();
is(told_all('again', map { "device=$_" } 2, 1, 3), 'again again -',
    'it comes back: its id is what the window belongs to');

my %other = (%document, app => 'w2', releases => [ grep { $_->{id} eq 'again' }
    @releases ]);
$t->mdsctl('apply', $t->document(\%other, 'other.json'));
is($t->get('/check?app=w2&kind=bundle&name=again&device=9')->status, 200,
    'another app has its own window of that name');

# --- ids of any bytes

my @odd = ('x' x 256, '%E5%8C%97%E4%BA%AC', '%F0%9F%93%B1', 'a%20b', 'A', 'a',
    'a%2Fb', 'device%3D1', '+');
$raised->{audience} = { window => { count => 5 + @odd,
    until => at($start + 3600) } };
apply();
is(told('raised', "device=$_"), 'raised', "a place for $_") for @odd, @odd;
is(told('raised', 'device=B'), '-', '... and no more');
is(window_of('raised')->{admitted}, 5 + @odd, '... each one of its own');
is($t->get(url('raised', 'device=' . 'y' x 257))->status, 400, 'too long a one');

# --- several windows in one batch

sub batch {
    my ($device, @names) = @_;
    my $body = $JSON->encode({ app => 'w', device => $device, version => '1.0',
        resources => [ map { { kind => 'bundle', name => $_ } } @names ] });
    return $t->raw("POST /check HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: " . length($body)
        . "\r\n\r\n$body");
}

sub actions { join ' ', map { $_->{action} } @{ $_[0]->json->{results} } }

is(actions(batch('1', qw(b1 b2))), 'install install', 'two windows at once');
is(actions(batch('2', qw(b3 b1 b4 b2))), 'install none install none',
    '... the next one gets what is left');
is(actions(batch('1', qw(b4 b3 b2 b1))), 'install none install install',
    '... the first stays');
is(actions(batch('3', qw(b1 b1 none b4 b4))), 'none none none install install',
    '... full');
is(window_of($_)->{admitted}, 1, "... one in $_") for qw(b1 b2 b3);

# --- the reason in the log

$t->get(url('plain', $plain[0]) . '&n=1');
$t->get(url('plain', $plain[4]) . '&n=2');
$t->get(url('row', 'device=4') . '&n=3');
ok($t->wait_for(sub { $t->read('access.log') =~ /^3 /m }), 'logged');
my $log = $t->read('access.log');
like($log, qr/^1 200 window plain$/m, 'logged: window');
like($log, qr/^2 204 outside -$/m,    'logged: outside');
like($log, qr/^3 200 all row-3$/m,    'logged: all');

# --- without the state

sub lines { my @l = grep { /$_[0]/ } split /\n/, $t->error_log; scalar @l }

my $state = $t->depot_dir . '/state';
rename $state, "$state.away" or die "rename: $!";
is(told('disk', "device=gone-$_"), '503', 'no place in a state that is gone')
    for 1 .. 4;
ok($t->wait_for(sub { told('b1', 'device=1') eq '503' }),
    'without a state, windows answer 503');
ok($t->wait_for(sub { lines('windows are closed') >= 4 }),
    '... every worker has noticed');
is(told('disk', "device=$_"), '503', '... each of them') for 1 .. 8;
is(told('b4', "device=$_"), 'b4', '... and others go on') for 1 .. 8;
is(actions(batch('1', qw(b4 b1 b4))), 'install error install',
    '... in a batch too') for 1 .. 4;
is(lines('windows are closed'), 4, '... one line from each worker');
my $logged = lines('\[error\]');
is(told('disk', 'device=2'), '503', '... however often they are asked')
    for 1 .. 8;
is(lines('\[error\]'), $logged, '... and no more lines');
mkdir $state;
chmod 0777, $state;
ok($t->wait_until_looked, 'an empty state was looked at by all');
is(told('disk', "device=$_"), '503', 'an empty state is none') for 1 .. 8;
ok(!-e "$state/data.mdb", '... and nobody makes a new one of it');
rmdir $state or die "rmdir: $!";
rename "$state.away", $state or die "rename: $!";
ok($t->wait_until_looked, 'all workers have looked');
is(told('b1', 'device=1'), 'b1', '... it is back') for 1 .. 8;
is(told_all('plain', @plain), 'plain plain plain - -', '... and knows them all');

SKIP: {
    skip 'not root', 1 if $> != 0;
    my $data = "$state/data.mdb";
    my @owner = (stat $data)[4, 5];
    chown 0, 0, $data;
    chmod 0600, $data;
    $t->reload;
    is(told('b1', "device=1"), '503', 'a state that cannot be read') for 1 .. 6;
    is(told('b4', 'device=1'), 'b4', '... others go on');
    chown @owner, $data;
    chmod 0660, $data;
    ok($t->wait_until_looked, '... all workers have looked once it can be');
    is(told('b1', 'device=1'), 'b1', '... and can again') for 1 .. 8;
}

# --- a full disk

SKIP: {
    skip 'not root', 1 if $> != 0;
    $t->stop;
    rename $state, "$state.disk" or die "rename: $!";
    mkdir $state or die "mkdir: $!";
    if (system("mount -t tmpfs -o size=600k tmpfs $state 2> /dev/null") != 0) {
        rmdir $state;
        rename "$state.disk", $state or die "rename: $!";
        skip 'cannot mount', 1;
    }
    eval { full_disk(); 1 } or fail("full disk: $@");
    $t->stop;
    system('umount', $state) == 0 or system('umount', '-l', $state);
}

sub full_disk {
    system("cp -a --sparse=never $state.disk/. $state/ && chown --reference=$state.disk"
        . " $state && chmod --reference=$state.disk $state") == 0 or die 'cp';
    $t->allow(qr/No space left/);
    $t->start($CONFIG);

    my (%yes, $failed);
    for my $i (1 .. 6000) {
        my $told = told('disk', "device=full-$i-" . 'x' x 200);
        $yes{$i} = 1 if $told eq 'disk';
        if ($told eq '503') { $failed = $i; last }
    }
    ok($failed, 'the disk is full, some time: ' . ($failed // 'never'));
    cmp_ok(scalar keys %yes, '>', 10, '... ' . keys(%yes) . ' came in before');
    is(told('b4', 'device=1'), 'b4', '... others go on') for 1 .. 4;
    is(told('b1', 'device=1'), 'b1', '... so do those that are in a window');
    is(told('b1', 'device=2'), '-', '... and those that are not') for 1 .. 4;

    # Nobody was told yes whom nobody will know.
    $t->stop;
    $t->start($CONFIG);
    my @lost = grep { told('disk', "device=full-$_-" . 'x' x 200) ne 'disk' }
        sort { $a <=> $b } keys %yes;
    is("@lost", '', '... each yes stands, after a restart on the full disk');
    is(window_of('disk')->{admitted}, scalar keys %yes, '... counted');

    system("mount -o remount,size=4m $state") == 0 or die 'remount';
    is(told('disk', "device=room-$_"), 'disk', 'room again') for 1 .. 12;
    is(window_of('disk')->{admitted}, 12 + keys %yes, '... counted');
}

$t->finish;
