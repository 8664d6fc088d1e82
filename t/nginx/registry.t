# Which devices run what: a check that names a device registers it, when it is
# news, and nobody waits for that.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::UNIX;
use LoadGen;
use JSON::PP;
use MDS;
use Test::More;
use Time::HiRes qw(sleep time);

my $MANY = $ENV{MDS_DEVICES} // 20_000;
my $JSON = JSON::PP->new->utf8->canonical;
my $true = JSON::PP::true;
my $t    = MDS->new(workers => 2, looks => 1, main => 'env MDS_CLOCK; env KILLER_ERRNO;'
    . ' env KILLER_HANG; env KILLER_WHILE;');
$t->allow(qr/exited on signal 9/);    # some are killed
$ENV{MDS_CLOCK} = $t->dir . '/clock';
$t->write('clock', '0');
$t->depot;
$t->write("p$_", "package $_") for 1, 2;

my %document = (
    app      => 's',
    packages => [ map({ my $p = $_; map { { kind => 'upgrade', platform => $p,
        version => "$_.0", file => "p$_" } } 1, 2 } qw(android ios)),
        { kind => 'bundle', name => 'home', version => '1', file => 'p1' } ],
    releases => [ { id => 'r', kind => 'upgrade', platform => 'android',
        version => '2.0', audience => { all => $true } } ],
);
$t->mdsctl('apply', $t->document(\%document));
$t->mdsctl('apply', $t->document({ app => 'other',
    poll => { after_s => 60, jitter_s => 0 } }, 'other.json'));

# Writing hangs as long as there is this file.
my $hangs = "$t->{dir}/hangs";
my $killer = "$t->{dir}/killer.so";
system(split(/ /, $ENV{CC} // 'cc'), '-shared', '-fPIC', '-o', $killer,
    "$FindBin::Bin/../cli/lib/killer.c", '-ldl') == 0 or die 'killer.c cannot be compiled';
$t->{preload} = $killer;
$t->{env} = { KILLER_ERRNO => 5, KILLER_HANG => 1, KILLER_WHILE => $hangs };

$t->start(<<'EOF2');
mds_depot %DEPOT%;
keepalive_requests 1000;
server {
    listen %LISTEN%;
    location = /check  { mds_check; add_header Worker $pid always; }
    location = /config { mds_config; }
    location = /m      { mds_messages; }
    location = /own    { mds_check; mds_attribute user $http_x_user; }
    location = /page   { mds_resource upgrade; alias %DIR%/$mds_version; }
    location = /log    { return 200 "$mds_version"; }
}
EOF2

my $settle = 0;

# Each worker has written all that it had queued, once it has written what came last.
sub settled {
    my (%last, $device);
    $t->wait_for(sub {
        $device = 'settle-' . ++$settle;
        $last{ $t->get("/check?app=other&kind=upgrade&device=$device&user=$device&version=1")
            ->header('Worker') } = $device;
        return !grep { !$last{$_} } $t->workers;
    }) or die 'a worker does not answer';
    for my $device (values %last) {
        $t->wait_for(sub { devices_of($device, 'other') ne '' })
            or die 'the registry is not written';
    }
}

sub devices_json {
    my ($user, $app) = @_;
    return $JSON->decode($t->mdsctl('--json', 'devices', $app // 's', $user));
}

# "d1 android 1.0, d2 ios 2.0"
sub devices_of {
    return join ', ', map { "$_->{device} $_->{platform} $_->{version}" }
        @{ devices_json(@_) };
}

# "android 1.0: 2, …"
sub installed {
    return join ', ', sort map { "$_->{platform} $_->{version}: $_->{devices}" }
        @{ $JSON->decode($t->mdsctl('--json', 'versions', $_[0] // 's'))
            ->{installed} };
}

sub becomes {
    my ($code, $want, $title) = @_;
    my $is;
    $t->wait_for(sub { ($is = $code->()) eq $want });
    is($is, $want, $title);
}

sub post {
    my ($target, $body) = @_;
    return $t->raw("POST $target HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body");
}

my $check = '/check?app=s&kind=upgrade';

# --- what registers

is(devices_of('alice'), '', 'nobody was seen yet');
is($t->get("$check&device=d1&user=alice&platform=android&version=1.0")->status,
    200, 'a device asks');
becomes(sub { devices_of('alice') }, 'd1 android 1.0', '... and is registered');
cmp_ok(abs(time - seen('alice')), '<', 60, '... with the time');
is(installed(), 'android 1.0: 1', '... and counted');
is($t->get("$check&device=d2&user=alice&platform=ios&version=2.0")->status,
    204, 'one for whom there is nothing');
becomes(sub { devices_of('alice') }, 'd1 android 1.0, d2 ios 2.0', '... is too');

is(post('/check', $JSON->encode({ app => 's', device => 'd3', user => 'alice',
    platform => 'ios', app_version => '1.5',
    resources => [ { kind => 'bundle', name => 'home', version => '7' } ] }))
    ->status, 200, 'a batch about a bundle');
becomes(sub { devices_of('alice') },
    'd1 android 1.0, d2 ios 2.0, d3 ios 1.5', '... the version is the app\'s');

sub seen {
    require Time::Local;
    my ($user, $i) = @_;
    devices_json($user)->[$i // 0]{seen} =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)Z$/
        or return 0;
    return Time::Local::timegm($6, $5, $4, $3, $2 - 1, $1);
}

# --- what does not

my %quiet = (
    'HEAD' => sub { $t->head("$check&device=q&user=quiet&version=1") },
    'no version' => sub { $t->get("$check&device=q&user=quiet&platform=ios") },
    'no device' => sub { $t->get("$check&user=quiet&version=1") },
    'an empty one' => sub { $t->get("$check&device=&user=quiet&version=1") },
    'a mistake' => sub { $t->get("$check&device=q&user=quiet&version=x") },
    'a bundle with its own version' => sub {
        $t->get("/check?app=s&kind=bundle&name=home&device=q&user=quiet&version=1") },
    'explain' => sub { $t->mdsctl('explain', 'app=s', 'kind=upgrade',
        'device=q', 'user=quiet', 'version=1') },
    'a variable' => sub {
        $t->get('/log?app=s&kind=upgrade&device=q&user=quiet&version=1') },
    'a page' => sub { $t->get('/page?app=s&device=q&user=quiet&version=1') },
    'config' => sub { $t->get('/config?app=s&device=q&user=quiet&version=1'
        . '&app_version=1') },
    'an app that is made up' => sub {
        $t->get('/check?app=made-up&kind=upgrade&device=q&user=quiet&version=1') },
    'messages' => sub { $t->get('/m?app=s&device=q&user=quiet&version=1') },
);
for my $title (sort keys %quiet) {
    $quiet{$title}->();
    settled();
    $t->mdsctl('apply', $t->document({ app => 'made-up',
        poll => { after_s => 60, jitter_s => 0 } }, 'made-up.json'))
        if $title =~ /made up/;
    is(devices_of('quiet', $title =~ /made up/ ? 'made-up' : 's'), '',
        "not registered: $title");
}

# --- the user is whom nginx names

$t->get('/own?app=s&kind=upgrade&device=o1&user=alice&version=1.0&platform=ios',
    'X-User', 'bob');
becomes(sub { devices_of('bob') }, 'o1 ios 1.0', 'as nginx says');
is(devices_of('alice'), 'd1 android 1.0, d2 ios 2.0, d3 ios 1.5',
    '... not as the client does');

# --- what changes is written, what does not is not

my $alice = "$check&device=d1&user=alice&platform=android&version=1.0";
settled();
my $before = seen('alice');
$t->write('clock', 60_000);
$t->get($alice) for 1 .. 200;
settled();
is(seen('alice'), $before, '200 checks of a known device: none is written');
$t->write('clock', 0);
$t->get("$check&device=d1&user=alice&platform=android&version=2.0");
becomes(sub { devices_of('alice') },
    'd1 android 2.0, d2 ios 2.0, d3 ios 1.5', 'upgraded');
is(installed(), 'android 2.0: 1, ios 1.0: 1, ios 1.5: 1, ios 2.0: 1',
    '... counted once');

$t->get("$check&device=d1&user=carol&platform=android&version=2.0");
becomes(sub { devices_of('carol') }, 'd1 android 2.0', 'handed on');
is(devices_of('alice'), 'd2 ios 2.0, d3 ios 1.5', '... it has left the other');
$t->get("$check&device=d1&platform=android&version=2.0");
becomes(sub { devices_of('carol') }, '', 'logged out');
like(installed(), qr/android 2\.0: 1/, '... it still runs what it runs');
$t->get($alice);
becomes(sub { devices_of('alice') },
    'd1 android 1.0, d2 ios 2.0, d3 ios 1.5', 'and back');

# Once in each of its days, which begin at a time of the device's own.
settled();
my ($last, $writes) = (seen('alice'), 0);
for my $hours (8, 16, 24, 32, 40, 48) {
    $t->write('clock', $hours * 3_600_000);
    $t->get($alice);
    settled();
    $writes++ if seen('alice') > $last;
    $last = seen('alice');
}
is($writes, 2, 'in two days it is written twice');
$t->write('clock', 0);

# --- apps are apart; names have any bytes

$t->get('/check?app=other&kind=upgrade&device=d1&user=alice&version=9');
becomes(sub { devices_of('alice', 'other') }, 'd1  9', 'another app');
is(scalar(@{ devices_json('alice') }), 3, '... is another app');
my $odd = "\xc3\xa9 \"\\\n";
(my $escaped = $odd) =~ s/(\W)/sprintf '%%%02X', ord $1/ge;
$t->get("$check&device=$escaped&user=$escaped&version=1.0&platform=ios");
becomes(sub { scalar @{ devices_json($odd) } }, 1, 'any bytes');
is($JSON->encode([ devices_json($odd)->[0]{device} ]), $JSON->encode([do {
    my $text = $odd; utf8::decode($text); $text }]), '... as they were');
my $long = 'x' x 256;
$t->get("$check&device=$long&user=$long&version=1.0&platform=" . 'p' x 256);
becomes(sub { scalar @{ devices_json($long) } }, 1, '256 bytes of each');
is($t->mdsctl('devices', 's', 'nobody'), '', 'nobody has none');
like($t->mdsctl('devices', 's', 'alice'),
    qr/^d1  android 1\.0  seen \d{4}-\d\d-\d\dT[\d:]+Z\n/, 'in words');
like($t->mdsctl('versions', 's'), qr/^  android 1\.0: 1 device\n/m,
    'versions in words');

# What a device says of itself moves no cursor and forges no line.
my $bell = '%1B' x 256;
$t->get("$check&device=$bell&user=liar&version=1.0"
    . '&platform=ios%0A%1B%5B2J%E2%80%AEx%07');
becomes(sub { scalar @{ devices_json('liar') } }, 1, 'a device that lies');
my $lies = 'ios\u{000A}\u{001B}[2J\u{202E}x\u{0007} 1.0';
like($t->mdsctl('devices', 's', 'liar'),
    qr/^(?:\\u\{001B\}){256}  \Q$lies\E  seen \S+\n\z/, '... is printed escaped');
like($t->mdsctl('versions', 's'), qr/^  \Q$lies\E: 1 device$/m,
    '... and in versions');
$t->mdsctl('devices', 's', '--forget', 'liar');

# --- many

SKIP: {
    my $load_gen = LoadGen->new or skip 'no compiler', 3;
    my %run = (ports => [ $t->port ], devices => $MANY, connections => 32);
    my @ask = (%run, target => "$check&device=m#&user=load_gen&platform=many&version=1.0");

    $t->write('hangs', '');
    my $new = $load_gen->ask_all(@ask);
    is(scalar(keys %{ $new->{no} }), $MANY, "$MANY devices at once are answered");
    unlike(installed(), qr/many/, '... and none waits for the disk, which hangs');
    unlink $hangs;

    # Those that were passed over come again.
    ok($t->wait_for(sub {
        return 1 if installed() =~ /many 1\.0: $MANY\b/;
        $load_gen->ask_all(@ask);
        return 0;
    }), '... all are registered');
}

# --- one that was looked up is not looked up again, and is not another

is(post('/check', $JSON->encode({ app => 's', user => 'twins', device => 't1',
    platform => 'ios', resources => [ map { { kind => 'upgrade',
        version => $_ } } qw(1 1 2) ] }))->status, 200, 'a batch of two versions');
becomes(sub { devices_of('twins') }, 't1 ios 2', '... has the last');

# --- a state that cannot be written is nobody's concern

rename $t->depot_dir . '/state', $t->depot_dir . '/away';
is($t->get("$check&device=new&user=new&platform=android&version=1.0")->status,
    200, 'without a state, checks are answered');
ok($t->wait_until_looked, '... and each worker looks for it');
is($t->get("$check&device=new2&user=new2&platform=android&version=1.0")->status,
    200, '... again');
rename $t->depot_dir . '/away', $t->depot_dir . '/state';
becomes(sub {
    $t->get("$check&device=new&user=new&platform=android&version=1.0");
    devices_of('new') }, 'new android 1.0', '... and registered once it is back');

# --- what a worker knew is not forgotten with it, and not more

sub hup {
    my @old = $t->workers;
    kill 'HUP', $t->{pid};
    $t->wait_for(sub { my %now = map { $_ => 1 } $t->workers;
        keys %now && !grep { $now{$_} } @old }) or die 'no reload';
}

my $stays = "$check&device=stays&user=stays&platform=ios&version=1.0";
$t->get($stays);
becomes(sub { devices_of('stays') }, 'stays ios 1.0', 'before a reload');
my $then = seen('stays');
hup();
$t->write('clock', 60_000);
$t->get($stays) for 1 .. 20;
settled();
is(seen('stays'), $then, '... it is not written once more after it');
$t->write('clock', 0);

for my $round (1 .. 3) {
    my $killed = "$check&device=k$round&user=killed$round&platform=ios&version=1.0";
    my @old = $t->workers;
    $t->get($killed);
    kill 'KILL', @old;
    $t->wait_for(sub { $t->get($killed)->status eq '204' }) or die 'no worker';
    becomes(sub { $t->get($killed); devices_of("killed$round") },
        "k$round ios 1.0", 'workers are killed: it is registered with its next check');
}

# --- merges, and one that is killed in the middle

my $folder = $t->depot_dir . '/state/devices';
sub runs { scalar(() = glob "$folder/run-*") }

my $before_merge = installed();
$t->write('clock', 2 * 3_600_000);
ok($t->wait_for(sub { glob "$folder/run-9-*" }), 'logs of an hour become runs');
is(installed(), $before_merge, '... of the same devices');
$t->write("depot/state/devices/.tmp-run-0000000000000001-00000001", 'x' x 5000);
$t->write('clock', 27 * 3_600_000);
ok($t->wait_for(sub { !-e "$folder/.tmp-run-0000000000000001-00000001" }),
    'what a merge has left that was killed is removed');
is(installed(), $before_merge, '... and nothing else');

# --- a folder that goes away begins anew, and its devices with it

rename $folder, "$folder.old" or die "rename: $!";
becomes(sub { $t->get($stays); devices_of('stays') }, 'stays ios 1.0',
    'without the folder, it begins anew');
is(devices_of('alice'), '', '... with who has asked since');

# --- nobody is concerned by a run that is damaged

$t->write('clock', 29 * 3_600_000);
ok($t->wait_for(sub { runs() > 0 }), 'a run');
$t->stop;
my ($run) = glob "$folder/run-*";
my $bytes = $t->read($run);
substr($bytes, 20, 1) ^= "\x01";
$t->write($run, $bytes);
my ($code, $words) = do { my $out = qx{$MDS::BUILD/mdsctl --depot @{[
    $t->depot_dir]} versions s 2>&1}; ($? >> 8, $out) };
is($code, 1, 'a damaged run: versions fails');
like($words, qr/run-\S+" is damaged/, '... and says so');
$t->start($t->{http});
is($t->get("$check&device=new&user=new&platform=android&version=$_.0")->status,
    204, '... and checks are answered') for 2, 3;
$t->write('clock', 60 * 3_600_000);
ok($t->wait_for(sub { glob "$folder/damaged-run-*" }), '... it is set aside');
becomes(sub { $t->get("$check&device=new&user=new&platform=android&version=3.0");
    devices_of('new') }, 'new android 3.0', '... and learned again');

# --- foreign files do not stop registration

sub socket_at {
    my ($name) = @_;
    unlink "$folder/$name";
    my $socket = IO::Socket::UNIX->new(Local => "$folder/$name", Listen => 1)
        or die "$name: $!";
}
sub aside { scalar(() = $t->error_log =~ /can(?:not) be read and are renamed/g) }

my $renamed = aside();
$t->stop;
socket_at($_) for 'counts', 'workers.lock', 'log-00000000000000ff-00000001';
$t->start($t->{http});
becomes(sub { $t->get("$check&device=late&user=late&platform=ios&version=1.0");
    -e "$folder/damaged-log-00000000000000ff-00000001" && devices_of('late') }, 'late ios 1.0',
    'sockets for the counts, a lock and a log: devices are registered');
becomes(sub { aside() - $renamed }, 2, '... which is logged once for each cause');
ok(-S "$folder/damaged-$_", "... $_ is set aside") for 'counts', 'workers.lock';
socket_at('counts');
becomes(sub { $t->get("$check&device=last&user=last&platform=ios&version=1.0");
    -f "$folder/counts" && devices_of('last') }, 'last ios 1.0',
    '... and one that is made meanwhile');

# --- what a release means: how many have its version

becomes(sub { $t->get("$check&device=two&user=two&platform=android&version=2.0");
    devices_of('two') }, 'two android 2.0', 'a device has the version of a release');
my ($have) = installed() =~ /android 2\.0: (\d+)/;
my $sentence = $have == 1 ? '1 device has it' : "$have devices have it";
like($t->mdsctl('status', 's'), qr/^      \Q$sentence\E$/m, "status: $sentence");
is($JSON->decode($t->mdsctl('--json', 'status', 's'))->{apps}[0]{releases}[0]{devices},
    $have, '... and for machines');
like($t->mdsctl(qw(explain app=s kind=upgrade platform=android version=2.0)),
    qr/^serial \d+: none \(it has 2\.0 already\), by release r; \Q$sentence\E$/m,
    'explain says it, too, and that the device is one of them');
like($t->mdsctl(qw(pause s r)), qr/^    2\.0 is offered to no more devices; \Q$sentence\E$/m,
    'a step says it, too');

$t->finish;
