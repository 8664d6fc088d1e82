# The story of a user with devices on three platforms: pushed gray, upgraded on
# one, overtaken by a newer gray, then by an official version, and the list
# empty once the messages have expired. All over HTTP.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Device;
use Digest::SHA qw(sha256_hex);
use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);

use constant DAY => 86_400;

my $true = JSON::PP::true;
my $t    = MDS->new(workers => 2, main => 'env MDS_CLOCK;');
$ENV{MDS_CLOCK} = $t->dir . '/clock';
$t->depot;

my $now = time;
my $day = 0;

# The days go by, for everybody.
sub day {
    $day = shift;
    $t->write('clock', $day * DAY * 1000);
}

sub at { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime($now + $_[0] * DAY)) }

day(0);

my %bytes;
for my $platform (qw(android ios pc)) {
    my $common = join '', map { chr int rand 256 } 1 .. 40_000;
    for my $version (qw(1.0 1.1 1.2 1.3)) {
        $bytes{"$platform-$version"} = "$common and $version for $platform";
        $t->write("$platform-$version", $bytes{"$platform-$version"});
        $t->mdsctl('publish', "$t->{dir}/$platform-$version", '--app', 'chat',
            '--kind', 'upgrade', '--platform', $platform, '--version', $version);
    }
    $t->mdsctl('release', 'chat', "$platform-1.0", '--kind', 'upgrade',
        '--platform', $platform, '--version', '1.0', '--all');
}

$t->start(<<'EOF2');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /mds/v1/check     { mds_check; }
    location = /mds/v1/messages  { mds_messages; }
    location   /mds/v1/files/    { mds_files; }
}
EOF2

# Each device has a file, which is what it runs.
my %device;
for my $name (qw(phone tablet desk)) {
    my $platform = { phone => 'android', tablet => 'ios', desk => 'pc' }->{$name};
    $device{$name} = { platform => $platform, version => '1.0',
        ask => Device->new($t, app => 'chat', kind => 'upgrade', user => 'alice',
            device => $name, platform => $platform) };
    $t->write($name, $bytes{"$platform-1.0"});
}

sub told {
    my ($name, %more) = @_;
    return $device{$name}{ask}->told(version => $device{$name}{version}, %more);
}

# Asks as mdsctl check does, and becomes what it is given.
sub upgrade {
    my ($name) = @_;
    my $d    = $device{$name};
    my $said = $d->{ask}->check('--have', "$t->{dir}/$name", '--out',
        "$t->{dir}/$name.new", version => $d->{version});

    if (-e "$t->{dir}/$name.new") {
        rename "$t->{dir}/$name.new", "$t->{dir}/$name";
        my $is = $t->read($name);
        ($d->{version}) = map { /-(.*)/ } grep { /^$d->{platform}-/
            && $bytes{$_} eq $is } keys %bytes;
    }

    return $said;
}

sub list {
    my $r = $t->get('/mds/v1/messages?app=chat&user=' . ($_[0] // 'alice'));
    die $r->status if $r->status != 200;
    return join ' ', map { $_->{id} . ($_->{read} ? 'r' : '') }
        @{ $r->json->{messages} };
}

sub latest {
    my $latest = $t->get('/mds/v1/messages?app=chat&user=x')->json->{latest};
    return join ' ', map { "$_=$latest->{$_}" } sort keys %$latest;
}

sub registry {
    my $r = JSON::PP->new->decode($t->mdsctl('--json', 'devices', 'chat',
        'alice'));
    return join ' ', map { "$_->{device}=$_->{version}" } @$r;
}

sub registered {
    my ($want, $title) = @_;
    my $is;
    $t->wait_for(sub { ($is = registry()) eq $want });
    is($is, $want, $title);
}

sub push_gray {
    my ($until, @to) = @_;
    $t->mdsctl('message', 'push', 'chat', '--users',
        $t->write('gray.txt', "alice\nbob\n"), (map { ('--to', $_) } @to),
        '--until', at($until));
}

# --- before

is(latest(), 'android=1.0 ios=1.0 pc=1.0', 'official: 1.0 everywhere');
is(told($_), 'nothing', "$_: nothing to do") for sort keys %device;
registered('desk=1.0 phone=1.0 tablet=1.0', 'three devices');

# --- pushed gray, for all platforms at once

push_gray(10, 'android=1.1', 'ios=1.1', 'pc=1.1');
is(list(), '1 2 3', 'three messages');
is(told('phone'), 'install 1.1 full delta:1.0 by message-1', 'phone: 1.1');
is(told('tablet'), 'install 1.1 full delta:1.0 by message-2', 'tablet: 1.1');
is(told('desk'), 'install 1.1 full delta:1.0 by message-3', 'desk: 1.1');
is(told('desk', user => 'carol', device => 'c1'), 'nothing', 'carol: nothing');

# --- upgraded on one

like(upgrade('phone'), qr/^exit 0\n.*message-1/s, 'the phone upgrades');
is($device{phone}{version}, '1.1', '... by the difference, to the byte');
is(told('phone'), 'nothing', '... and has nothing to do');
registered('desk=1.0 phone=1.1 tablet=1.0', '... which the registry knows');
is(list('bob'), '1 2 3', "bob's list is as it was");
is(told('tablet'), 'install 1.1 full delta:1.0 by message-2',
    'the tablet is still to upgrade');

# --- overtaken by a newer gray

day(2);
push_gray(12, 'ios=1.2', 'pc=1.2');
like(list(), qr/\b4 5$/, 'two more');
is(told('tablet'), 'install 1.2 full delta:1.0 by message-4',
    'the tablet gets the newer one at once');
like(upgrade('tablet'), qr/^exit 0\n.*message-4/s, '... upgrades');
is($device{tablet}{version}, '1.2', '... past the older one');
is(told('tablet'), 'nothing', '... which does not come up any more');
registered('desk=1.0 phone=1.1 tablet=1.2', 'three devices, three versions');
like($t->mdsctl('versions', 'chat'), qr/^  android 1\.1: 1 .*^  ios 1\.2: 1 /ms,
    'versions counts them');

# --- then by an official version

day(3);
is(told('desk'), 'install 1.2 full delta:1.0 by message-5',
    'the desk would be told 1.2');
$t->mdsctl('release', 'chat', 'pc-1.3', '--kind', 'upgrade', '--platform', 'pc',
    '--version', '1.3', '--all');
is(latest(), 'android=1.0 ios=1.0 pc=1.3', 'pc 1.3 is official');
is(told('desk'), 'install 1.3 full delta:1.0 by pc-1.3',
    '... and what it is told');
is(told('desk', version => '1.2'), 'install 1.3 full delta:1.2 by pc-1.3',
    '... as are those on the gray one');
is(told('desk', user => 'carol', device => 'c1'), 'install 1.3 full delta:1.0 by pc-1.3',
    '... and everybody');
like(upgrade('desk'), qr/^exit 0\n.*pc-1\.3/s, 'the desk upgrades');
is($device{desk}{version}, '1.3', '... to 1.3');
is(told($_), 'nothing', "$_: nothing to do") for sort keys %device;

# --- the messages expire

day(11);
is(told('phone', version => '1.0'), 'nothing', 'message 1 has expired');
is(told('tablet', version => '1.0'), 'install 1.2 full delta:1.0 by message-4',
    '... 4 has not') if list() =~ /4(?!r)/;
day(13);
is(told('tablet', version => '1.0', user => 'bob'), 'nothing', 'all have');
is(list('bob'), '1 2 3 4 5', 'bob, who did nothing, has them in his list');
upgrade($_) for qw(phone tablet desk);
is(list(), '', 'alice\'s list is empty');

my $bob = Device->new($t, app => 'chat', kind => 'upgrade', user => 'bob',
    device => 'b1', platform => 'pc', version => '1.3');
like($bob->check, qr/^exit 0\n/, 'a device of bob asks');
is(list('bob'), '', '... and his is empty');

day(44);
is(list($_), '', "30 days later: $_") for qw(alice bob carol);
push_gray(50, 'android=1.3');
is(list(), '6', 'ids go on');
is(told('phone'), 'install 1.3 full delta:1.1 by message-6', '... and it hits');
like(upgrade('phone'), qr/^exit 0\n.*message-6/s, 'the phone upgrades');
is($device{phone}{version}, '1.3', '... to 1.3');

$t->finish;
