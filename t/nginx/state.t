# What bounds the state: its size, the time of a write, the time after which a
# device is forgotten; and files of it that are replaced under the workers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);

my $JSON = JSON::PP->new->utf8->canonical;
my $t    = MDS->new(workers => 2, looks => 1, main => "env MDS_CLOCK;\n");
$ENV{MDS_CLOCK} = "$t->{dir}/clock";
$t->write('clock', '0');
$t->depot;
$t->write("p$_", "package $_") for 1, 2;
$t->write('users', "u\n");

my $until = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 3600));
$t->mdsctl('apply', $t->document({ app => 's',
    packages => [ (map { { kind => 'bundle', name => 'w', version => "$_.0",
            file => "p$_" }, { kind => 'upgrade', platform => 'ios',
            version => "$_.0", file => "p$_" } } 1, 2) ],
    releases => [
        { id => 'w', kind => 'bundle', name => 'w', version => '2.0',
            audience => { window => { count => 100_000, until => $until } } },
        { id => 'o', kind => 'upgrade', platform => 'ios', version => '1.0',
            audience => { all => JSON::PP::true } } ] }));
$t->mdsctl('message', 'push', 's', '--users', "$t->{dir}/users",
    '--to', 'ios=2.0', '--until', $until);

my $http = <<'EOF2';
mds_depot %DEPOT%;
mds_device_ttl 90d;
server {
    listen %LISTEN%;
    location = /check    { mds_check; mds_state_timeout 120s; }
    location = /hasty    { mds_check; mds_state_timeout 1s; }
    location = /messages { mds_messages; mds_state_timeout 120s; }
}
EOF2
$t->start($http);

sub window { $t->get("/check?app=s&kind=bundle&name=w&version=1.0&device=$_[0]") }
sub hasty { $t->get("/hasty?app=s&kind=bundle&name=w&version=1.0&device=$_[0]") }
sub device { $t->get("/check?app=s&kind=upgrade&platform=ios&version=1.0"
    . "&device=$_[0]&user=" . ($_[1] // "of-$_[0]")) }
sub kept { $JSON->decode($t->mdsctl('--json', 'status'))->{state} }
sub devices { $JSON->decode($t->mdsctl('--json', 'devices', 's', $_[0])) }
sub lines { my ($re) = @_; scalar(() = $t->error_log =~ /$re/g) }

sub becomes {
    my ($code, $want, $title) = @_;
    my $is;
    $t->wait_for(sub { ($is = $code->()) eq $want });
    is($is, $want, $title);
}

# --- configuration

for my $case (['mds_state_max 1k;', 'must be from 1m to 64g'],
    ['mds_state_max 65g;', 'must be from 1m to 64g'],
    ['mds_device_ttl 0;', 'must be equal to or greater than 1'],
    ['mds_state_timeout 0;', 'must be equal to or greater than 1'],
    ['mds_state_max 2g; mds_state_max 2g;', 'is duplicate'])
{
    my ($status, $said) = $t->test_config("mds_depot %DEPOT%; $case->[0]\n"
        . 'server { listen %LISTEN%; location = /c { mds_check; } }');
    isnt($status, 0, "$case->[0]: refused");
    like($said, qr/\Q$case->[1]\E/, '... with a reason');
}
my ($status, $said) = $t->test_config("mds_depot %DEPOT%;\n"
    . 'server { listen %LISTEN%; location = /c { mds_check; mds_state_max 1g; }'
    . ' location = /d { mds_check; mds_state_max 2g; } }');
isnt($status, 0, 'one depot with two sizes: refused');
like($said, qr/"mds_state_max" must be the same .* 1073741824 and 2147483648/,
    '... with both');

# --- what is known of it

is(device('d1', 'alice')->status, 204, 'a device');
becomes(sub { scalar @{ devices('alice') } }, 1, '... is registered');
becomes(sub { kept()->{max_bytes} // 0 }, 16 << 30, 'status: how large it may be');
is(kept()->{devices}, 1, '... how many devices');
like($t->mdsctl('status'), qr/^state: \d+ bytes of 17179869184: /m,
    '... in words');

# --- forgetting, when asked

device('d2', 'alice');
device('d3', 'bob');
becomes(sub { kept()->{devices} }, 3, 'three devices');
is($t->mdsctl('devices', 's', '--forget', 'd3', '--dry-run'),
    "would forget 1 device\n", '--dry-run counts');
is($t->mdsctl('devices', 's', '--forget', 'd3'), "forgot 1 device\n", 'one');
is(scalar @{ devices('bob') }, 0, '... is gone');
is($t->mdsctl('devices', 's', '--forget', 'alice'), "forgot 2 devices\n",
    'all of a user');
is($JSON->decode($t->mdsctl('--json', 'devices', 's', '--forget', 'x'))
    ->{forgotten}, 0, 'one that nobody knows');
is(kept()->{devices}, 0, '... nobody is left');
device('d1', 'alice');
becomes(sub { scalar @{ devices('alice') } }, 1, 'who comes again is known again');

# --- forgetting, without anybody asking, and though nobody comes

$t->write('clock', 86_400_000 * 80);
device('young', 'young');
becomes(sub { scalar @{ devices('young') } }, 1, 'a device that comes later');
is(scalar @{ devices('alice') }, 1, '80 days are not 90');
$t->write('clock', 86_400_000 * 92);
becomes(sub { scalar @{ devices('alice') } }, 0, '92 days are: it is forgotten');
is(scalar @{ devices('young') }, 1, '... the other one is not');
$t->stop;
$t->write('clock', 86_400_000 * 175);
$t->start($http);
becomes(sub { kept()->{devices} }, 0, '... until it is, and after a restart');
$t->write('clock', 0);

# --- a write that hangs: somebody holds the lock of LMDB

my $lock_holder = "$t->{dir}/lock_holder";
SKIP: {
    skip 'no compiler', 12 if system('cc', '-o', $lock_holder,
        "$FindBin::Bin/lib/lock_holder.c", '-llmdb', '-lpthread') != 0;
    my $pid = open my $held, '-|', $lock_holder, $t->depot_dir . '/state' or die $!;
    is(scalar(<$held>), "held\n", 'the lock of the state is held');

    my $began = time;
    my $answer = hasty('h1');
    is($answer->status, 503, 'a window: 503');
    ok($answer->header('Retry-After'), '... with Retry-After');
    cmp_ok(time - $began, '>=', 0.9, '... after its time');
    is(device('h')->status, 204, 'who needs no window is served');
    my $batch = $JSON->encode({ app => 's', device => 'h2', platform => 'ios',
        resources => [ { kind => 'bundle', name => 'w', version => '1.0' },
            { kind => 'upgrade', version => '0.5' } ] });
    my $many = $t->raw("POST /hasty HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: " . length($batch)
        . "\r\n\r\n$batch");
    is(join(' ', map { $_->{action} } @{ $JSON->decode($many->body)->{results} }),
        'error install', 'in a batch it is the window alone');
    is(hasty("h$_")->status, 503, '... again') for 3 .. 6;
    cmp_ok(lines('takes longer than'), '<=', 2, 'one line from each worker');
    kill 'KILL', $pid;
    close $held;
    becomes(sub { window('h7')->status }, 200, 'let go: windows go on');
    ok($t->wait_for(sub { lines('is written again') >= 1 }), '... the log says so');
    is(window('h1')->status, 200, '... and what was under way has come to its end');

    # Slow commits that clients can bring about again and again.
    my $said = lines('takes longer than') + lines('is written again');
    $pid = open $held, '-|', $lock_holder, $t->depot_dir . '/state' or die $!;
    is(scalar(<$held>), "held\n", 'the lock is held again');
    is(hasty("h$_")->status, 503, '... a window: 503') for 8 .. 13;
    kill 'KILL', $pid;
    close $held;
    becomes(sub { window('h14')->status }, 200, '... and goes on');
    is(window("h$_")->status, 200, '... in each worker') for 15 .. 22;
    cmp_ok(lines('takes longer than') + lines('is written again'), '<=',
        $said < 4 ? 4 : $said, '... of which the log has said enough');
}

# --- lock.mdb is put there anew, or is gone

my $lock = $t->depot_dir . '/state/lock.mdb';
for my $how ('gone', 'another') {
    rename $lock, "$lock.old" or die "rename: $!";
    if ($how eq 'another') {
        system('cp', '-p', "$lock.old", $lock) == 0 or die 'cp';
    }
    my $new = "l-$how";
    becomes(sub { window("$new-1")->status }, 200, "lock.mdb is $how: windows go on");
    ok($t->wait_until_looked, '... all workers have looked');
    my $other = (stat "$lock.old")[1];
    my $mapped = grep { my $maps = do { local $/; open my $f, '<', "/proc/$_/maps";
        <$f> }; $maps =~ /\b$other\s/ } $t->workers;
    is($mapped, 0, '... and none has the old one');
    is(window("$new-$_")->status, 200, '... all use the new one') for 2 .. 5;
}

# --- users with messages, without a state

my $gray = '/check?app=s&kind=upgrade&platform=ios&version=0.5&user=u&device=g';
like($t->get($gray)->header('MDS-Signature') // '', qr/./, 'a user with a message');
like($t->get($gray)->body, qr/"2\.0"/, '... gets its version');
rename $t->depot_dir . '/state', $t->depot_dir . '/away' or die;
becomes(sub { $t->get($gray)->body =~ /"1\.0"/ ? 'catalog' : 'other' }, 'catalog',
    'without a state: what the catalog chose');
ok($t->wait_for(sub { lines('windows are closed') >= 2 }), 'all have noticed');
is($t->get($gray)->status, 200, '... each of them') for 1 .. 4;
my $errors = lines('\[error\]');
is($t->get('/messages?app=s&user=u')->status, 503, 'the list needs the state')
    for 1 .. 4;
is(window('none')->status, 503, '... and so do windows') for 1 .. 4;
is(lines('\[error\]'), $errors, '... which is said once, not to each');
rename $t->depot_dir . '/away', $t->depot_dir . '/state' or die;
becomes(sub { $t->get($gray)->body =~ /"2\.0"/ ? 'message' : 'other' }, 'message',
    'it is back');

# --- the least bound has room for marks, until windows have taken it

$t->stop;
$t->start($http =~ s/mds_device_ttl 90d;/mds_state_max 1m;/r);

sub mark {
    my $body = $JSON->encode({ app => 's', user => $_[0], read => [1] });
    return $t->raw("POST /messages HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: " . length($body)
        . "\r\n\r\n$body")->status;
}

is(mark('least'), 204, 'mds_state_max 1m: a mark') for 1, 2;

my $admitted = 0;
ok($t->wait_for(sub {
    window('w' x 200 . ++$admitted)->status == 200 or die 'no window' for 1 .. 25;
    mark("u$admitted") == 503 }), 'admissions leave no room for a mark some time');

# --- commits that fail and succeed in turn, as a client likes

for my $turn (1 .. 8) {
    is(mark('u'), 503, 'no room for a mark');
    is(window("turn-$turn-$_")->status, 200, '... for a window there is')
        for 1, 2;
}
my @full = grep { /\[error\].*have reached their limit/ }
    split /\n/, $t->error_log;
cmp_ok(scalar @full, '>=', 1, 'the log says so');
cmp_ok(scalar @full, '<=', 2, '... once in each worker');

# --- full of devices that are made up

$t->stop;
(my $small = $http) =~ s/mds_device_ttl 90d;/mds_state_max 2m;/;
$t->start($small);
my $i = 0;
ok($t->wait_for(sub {
    for (1 .. 100) {
        $i++;
        $t->get('/check?app=s&kind=upgrade&version=1.0&device=' . 'x' x 200 . $i
            . '&platform=' . 'p' x 200 . $i . '&user=' . 'y' x 200 . $i);
    }
    lines('has all the room') >= 1 }), 'the registry is full some time');
is(lines('has all the room') <= 2, 1, '... said once by each worker');
is(window("full-$_")->status, 200, 'windows go on') for 1 .. 8;
cmp_ok(kept()->{devices_bytes}, '<=', (2 << 20) * 3 / 4,
    'the registry has its share, and no more');
cmp_ok(kept()->{bytes}, '<=', 2 << 20, 'all of it is within its bound');
ok($t->wait_for(sub { kept()->{passed_over} > 0 }), 'they are counted');

$t->finish;
