# Gray messages over HTTP: lists, marks, mistakes, and who may reach whose;
# then what a check makes of them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Device;
use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(sleep time);

use constant DAY => 86_400;

my $JSON = JSON::PP->new->utf8->canonical;
my $true = JSON::PP::true;
my $t    = MDS->new(workers => 2, main => 'env MDS_CLOCK;');
$ENV{MDS_CLOCK} = $t->dir . '/clock';
$t->write('clock', '0');
$t->depot;

my $common = join '', map { chr int rand 256 } 1 .. 20_000;
$t->write("p$_", $common . "version $_") for 1 .. 5;

sub package_of {
    my ($platform, $n, %more) = @_;
    return { kind => 'upgrade', platform => $platform, version => "$n.0",
             file => "p$n", %more };
}

sub release_of {
    my ($platform, $n, %more) = @_;
    return { id => "$platform-$n", kind => 'upgrade', platform => $platform,
             version => "$n.0", audience => { all => $true }, %more };
}

sub at { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + $_[0])) }

my %document = (
    app      => 's',
    lists    => { staff => { ids => ['alice'] } },
    packages => [ map { my $p = $_; map { package_of($p, $_) } 1 .. 5 }
                  qw(android ios web tv) ],
    releases => [
        release_of('android', 1),
        release_of('android', 2),
        # none of these is official
        release_of('android', 3, audience => { lists => ['staff'] }),
        release_of('ios', 1),
        release_of('ios', 2, audience => { all => $true, except => ['staff'] }),
        release_of('ios', 3, rules => [
            { attribute => 'brand', op => 'in', values => ['x'] } ]),
        release_of('ios', 4, start => at(10 * DAY)),
        release_of('ios', 5, state => 'paused'),
        release_of('web', 2, end => at(-DAY)),
        release_of('web', 3, state => 'ended'),
        release_of('web', 4, audience => { percent => 100 }),
    ],
);
$t->mdsctl('apply', $t->document(\%document));

$t->start(<<'EOF2');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /m    { mds_messages; }
    location = /own  { mds_messages; mds_attribute user $http_x_user; }
    location = /fix  { mds_messages; mds_attribute app s; mds_attribute n 2; }
    location = /mds/v1/check    { mds_check; }
    location   /mds/v1/files/   { mds_files; }
    location = /why  { mds_check; add_header Why $mds_reason always;
                       add_header By "$mds_release $mds_version" always; }
}
server {
    listen %LISTEN%;
    server_name gone;
    location = /m { mds_depot %DIR%/none; mds_messages; }
}
EOF2

sub list {
    my ($user, %more) = @_;
    my $r = $t->get("/m?app=s&user=$user"
        . join '', map { "&$_=$more{$_}" } sort keys %more);
    die "$user: " . $r->status . ' ' . $r->body if $r->status != 200;
    return $r->json;
}

# "1 2r 5": ids in order, and which are read.
sub ids {
    return join ' ', map { $_->{id} . ($_->{read} ? 'r' : '') }
        @{ list(@_)->{messages} };
}

sub post_raw {
    my ($target, $body, @headers) = @_;
    my %lines = ('Content-Type' => 'application/json', @headers);
    return $t->raw("POST $target HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . join('', map { defined $lines{$_} ? "$_: $lines{$_}\r\n" : () }
            sort keys %lines)
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body");
}

sub post {
    my ($user, %marks) = @_;
    return post_raw('/m', $JSON->encode({ app => 's', user => $user, %marks }));
}

sub marked {
    my ($user, $marks, $after, $title) = @_;
    my $r = post($user, %$marks);
    is($r->status . $r->body, '204', "$title: 204");
    is(ids($user, n => 100), $after, $title);
}

my %file;
sub users {
    my ($name, @users) = @_;
    return $file{$name} = $t->write("$name.txt", join '', map { "$_\n" } @users);
}

sub push_to {
    my ($users, $until, @to) = @_;
    return $t->mdsctl('message', 'push', 's', '--users', $file{$users},
        (map { ('--to', $_) } @to), '--until', $until);
}

# --- lists

my $r = $t->get('/m?app=s&user=alice');
is($r->status, 200, 'nothing pushed yet: 200');
is($r->body, '{"latest":{"android":"2.0","ios":"1.0"},"more":false,'
    . '"messages":[]}', '... an empty list, and what is official');
is($r->header('Content-Type'), 'application/json', '... JSON');
is($r->header('Cache-Control'), 'no-store', '... not to be stored');
is($r->header('MDS-Serial'), 1, '... with the serial');

users('both', qw(alice bob));
users('bob', 'bob');
users('many', map({ "u$_" } 1 .. 100_000), 'alice');
my $until = at(10 * DAY);
push_to('both', $until, 'android=3.0', 'ios=2.0', 'web=1.0');
push_to('bob', $until, 'android=4.0');
push_to('many', $until, 'android=4.0', 'tv=1.0');

is(ids('alice'), '1 2 3 5 6', 'alice has hers, ascending');
is(ids('bob'), '1 2 3 4', 'bob his');
is(ids('u1'), '5 6', 'one of 100,000');
is(ids('u100000'), '5 6', 'another');
is(ids('u100001'), '', 'nobody');
is(ids('ALICE'), '', 'ids are exact');
is_deeply(list('alice')->{messages}[1], { id => 2, platform => 'ios',
    version => '2.0', expires => $until, read => JSON::PP::false,
    url => list('bob')->{messages}[1]{url} }, 'a message');
my $url = list('alice')->{messages}[0]{url};
like($url, qr{^files/[0-9a-f]{64}$}, 'a link');
is($t->get("/mds/v1/$url")->body, $common . 'version 3', '... to the file');
is_deeply(list('x')->{latest}, { android => '2.0', ios => '1.0' },
    'official versions are for whoever asks');

for my $case ([1, '6', 1], [2, '5 6', 1], [4, '2 3 5 6', 1],
    [5, '1 2 3 5 6', 0], [1000, '1 2 3 5 6', 0])
{
    my ($n, $ids, $more) = @$case;
    is(ids('alice', n => $n), $ids, "n=$n: the newest, ascending");
    is(list('alice', n => $n)->{more} ? 1 : 0, $more, "n=$n: more?");
}
is(join(' ', map { $_->{id} } @{ $t->get('/fix?user=alice&n=4&app=z')->json
    ->{messages} }), '5 6', 'app and n as nginx sets them');

$r = $t->head('/m?app=s&user=alice');
is($r->status . $r->body, '200', 'HEAD: 200, no body');
is($r->header('Content-Length'),
    length $t->get('/m?app=s&user=alice')->body, '... as long as with GET');

for my $app (qw(none S)) {
    is($t->get("/m?app=$app&user=alice")->body,
        '{"latest":{},"more":false,"messages":[]}', "app $app: nothing");
}

sub problem {
    my ($title, $r, $status, $words) = @_;
    is($r->status, $status, "$title: $status");
    is($r->header('Content-Type'), 'application/problem+json',
        "$title: a problem");
    like($r->json->{detail}, $words, "$title: says what is wrong");
}

for my $case (
    ['no user', '/m?app=s', qr/"user" is missing/],
    ['an empty user', '/m?app=s&user=', qr/"user" is missing/],
    ['no app', '/m?user=alice', qr/"app" is missing/],
    ['nothing', '/m', qr/is missing/],
    ['n=0', '/m?app=s&user=a&n=0', qr/"n"/],
    ['n=1001', '/m?app=s&user=a&n=1001', qr/"n"/],
    ['n=-1', '/m?app=s&user=a&n=-1', qr/"n"/],
    ['n=1x', '/m?app=s&user=a&n=1x', qr/"n"/],
    ['n=99999999999999999999', '/m?app=s&user=a&n=99999999999999999999',
        qr/"n"/],
    ['two users', '/m?app=s&user=a&user=b', qr/user/],
    ['a long user', '/m?app=s&user=' . 'x' x 257, qr/256/],
    ['half a character', '/m?app=s&user=%c3', qr/UTF-8/],
) {
    my ($title, $target, $words) = @$case;
    problem($title, $t->get($target), 400, $words);
}
is($t->get('/m?app=s&user=' . 'x' x 256)->status, 200, '256 bytes of user');
for my $method (qw(PUT DELETE PATCH)) {
    $r = $t->request($method, '/m?app=s&user=alice');
    problem($method, $r, 405, qr/./);
    is($r->header('Allow'), 'GET, HEAD, POST', "$method: what is allowed");
}
is($t->raw("GET /m?app=s&user=alice HTTP/1.1\r\nHost: gone\r\n"
    . "Connection: close\r\n\r\n")->status, 503, 'no depot: 503');

# --- marks

marked('alice', { read => [2] }, '1 2r 3 5 6', 'one');
marked('alice', { read => [1, [5, 6]] }, '1r 2r 3 5r 6r', 'several, and a run');
marked('alice', { read => [[1, 6]] }, '1r 2r 3r 5r 6r', 'a run over all');
is(ids('bob'), '1 2 3 4', "bob's are his");
marked('bob', { read => [4, 4, [4, 4]] }, '1 2 3 4r', 'the same again');
marked('bob', { delete_through => 2 }, '3 4r', 'delete through');
marked('bob', { delete_through => 1 }, '3 4r', '... does not come back');
marked('bob', { delete_through => 3, read => [1] }, '4r',
    'both, what is deleted is not to be read');
marked('alice', { delete_through => 4 }, '5r 6r', 'an id between hers');
marked('u7', { read => [1] }, '5 6', 'one that is not his');
marked('carol', { delete_through => 6 }, '', 'no messages, no matter');
marked('alice', { delete_through => 6 }, '', 'all');
is(ids('u1'), '5 6', 'who has marked nothing has all');
is(ids('bob'), '4r', 'bob still has his');

for my $case (
    ['above the newest', { read => [7] }, qr/id 7 is above the newest, which is 6/],
    ['a run that ends there', { read => [[1, 7]] }, qr/above the newest/],
    ['deleted', { delete_through => 7 }, qr/above the newest/],
    ['one of two', { delete_through => 1, read => [2, 99] }, qr/above/],
    ['a reversed run', { read => [[3, 2]] }, qr/reversed/],
    ['nothing to do', {}, qr/nothing to do/],
    ['an empty list', { read => [] }, qr/nothing to do/],
    ['zero', { read => [5, 0] }, qr{^/read/1: 0 is not a message id.*whole number}],
    ['delete through zero', { delete_through => 0 }, qr{^/delete_through: 0 is not}],
    ['below zero', { delete_through => -1 }, qr/whole number/],
    ['a fraction', { read => [1.5] }, qr{^/read/0: 1\.5 is not}],
    ['a text', { read => ['1' x 99] }, qr{^/read/0: "1{39}\x{2026} is not}],
    ['no list', { read => 1 }, qr/want a list/],
    ['a run of one', { read => [[1]] }, qr/first and its last/],
    ['a run of three', { read => [5, [1, 2, 3]] }, qr{^/read/1: .*first and its last}],
    ['a run of runs', { read => [[1, [2, 3]]] }, qr{^/read/0/1: \[2,3\] is not}],
    ['null', { delete_through => undef }, qr/whole number/],
    ['true', { delete_through => $true }, qr/whole number/],
    ['another key', { delete_through => 1, undo => 1 }, qr/undo/],
    ['a user of a number', { user => 1, read => [5] }, qr/user/],
    ['no user', { user => '', read => [5] }, qr/"user" is missing/],
    ['a long user', { user => 'x' x 257, read => [5] }, qr/256/],
    ['no app', { app => '', read => [5] }, qr/"app" is missing/],
    ['another app', { app => 'z', read => [5] }, qr/above the newest/],
) {
    my ($title, $marks, $words) = @$case;
    problem("POST, $title", post('u1', %$marks), 400, $words);
}
for my $case (
    ['no JSON', 'x', qr/body:1:1/],
    ['half of it', '{"app":"s","user":"u1","read":[5', qr/body:1/],
    ['a doubled member', '{"app":"s","user":"u2","user":"u1","read":[5]}',
        qr/user/],
    ['reads twice', '{"app":"s","user":"u1","read":[5],"read":[6]}', qr/read/],
    ['a list', '[]', qr/object/],
    ['nothing', '', qr/./],
    ['a number too long', '{"app":"s","user":"u1","read":[99999999999999999999]}',
        qr/body/],
) {
    my ($title, $body, $words) = @$case;
    problem("POST, $title", post_raw('/m', $body), 400, $words);
}
problem('another type', post_raw('/m', '{}', 'Content-Type' => 'text/plain'),
    415, qr/application\/json/);
problem('no type', post_raw('/m', '{}', 'Content-Type' => undef), 415,
    qr/application\/json/);
problem('a long body', post_raw('/m', ' ' x 65_537), 413, qr/./);
my $most = '{"app":"s","user":"u3","read":[5' . ',5' x 32_000 . ']}';
is(post_raw('/m', $most)->status, 204, 'a body of 64 KiB');
is(ids('u3'), '5r 6', '... is done');
is(ids('u1'), '5 6', 'mistakes have marked nothing');
is(post_raw('/m?app=s&user=u1', $JSON->encode({ delete_through => 6 }))->status,
    400, 'the query of a POST is not looked at');
is(ids('u1'), '5 6', '... so it has done nothing');
is(post_raw('/m', '{"app":"s","user":"u4","read":[5]}',
    'Content-Type' => 'application/json; charset=utf-8')->status, 204,
    'a type with a parameter');

# --- who is who: the user is what nginx says, whatever the client does

sub own { $t->get("/own?app=s$_[0]", @_[1 .. $#_]) }

is_deeply([ map { $_->{id} } @{ own('', 'X-User', 'bob')->json->{messages} } ],
    [4], 'as bob');
for my $case (
    ['a parameter', '&user=u1'], ['with other letters', '&User=u1'],
    ['escaped', '&%75ser=u1'], ['doubled', '&user=u1&user=u2'],
    ['an empty one', '&user='],
) {
    my ($title, $query) = @$case;
    my $r = own($query, 'X-User', 'bob');
    ok($r->status == 400
        || join(' ', map { $_->{id} } @{ $r->json->{messages} }) eq '4',
        "a list by $title");
    $r = own($query);
    is($r->status, 400, '... nor without a user');
}
for my $case (
    ['a member', '{"app":"s","user":"u9","read":[5]}'],
    ['a doubled one', '{"app":"s","user":"bob","user":"u9","read":[5]}'],
    ['an escaped one', '{"app":"s","\u0075ser":"u9","read":[5]}'],
    ['one in the query', '{"app":"s","read":[5]}', '?user=u9'],
    ['null', '{"app":"s","user":null,"read":[5]}'],
    ['both', '{"app":"s","user":"u9","read":[5]}', '?user=u9&app=s'],
) {
    my ($title, $body, $query) = @$case;
    post_raw('/own' . ($query // ''), $body, 'X-User', 'bob');
    is(ids('u9'), '5 6', "marks by $title");
    is(post_raw('/own' . ($query // ''), $body)->status, 400,
        '... nor without a user');
    is(post_raw('/own' . ($query // ''), $body, 'X-User', '')->status, 400,
        '... nor with an empty one');
    is(ids('u9'), '5 6', '... nothing is marked');
}
is(post_raw('/own', '{"app":"s","delete_through":4}', 'X-User', 'bob')->status,
    204, 'marks of his own');
is(ids('bob'), '', '... are done');

# --- many marks at once: each is there once its 204 is

my @sockets = map { $t->connect } 1 .. 60;
for my $i (0 .. $#sockets) {
    my $body = qq({"app":"s","user":"u@{[100 + $i % 20]}","read":[)
        . (5 + $i % 2) . ']}';
    $sockets[$i]->syswrite("POST /m HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body");
}
my @answers = map { my $s = $_; local $/; scalar <$s> } @sockets;
is(scalar(grep { /^HTTP\/1.1 204/ } @answers), 60, '60 at once');
is(join(' ', grep { ids("u$_") eq ($_ % 2 ? '5 6r' : '5r 6') } 100 .. 119),
    join(' ', 100 .. 119), '... all are there');

# --- ids are not used twice

$t->mdsctl('message', 'withdraw', 's', 6);
is(ids('u1'), '5', 'withdrawn');
push_to('bob', $until, 'tv=2.0');
is(ids('bob'), '7', 'the next id is new, though the newest was withdrawn');
is(post('bob', read => [6])->status, 204, 'what was withdrawn can be marked');
like(($t->mdsctl_any('message', 'push', 's', '--users', $file{bob}, '--to',
    'android=9.0', '--until', $until))[2], qr/publish it first/,
    'a version that is not there');
push_to('bob', $until, 'tv=3.0');
is(ids('bob'), '7 8', '... has cost no id');

# --- what a check makes of them

my $device = Device->new($t, app => 's', kind => 'upgrade',
    platform => 'android', user => 'u5', version => '1.0');

is($device->told, 'install 4.0 full delta:1.0 by message-5',
    'a message is above what is official; signed, with the difference');
is($device->told(version => undef), 'install 4.0 full by message-5',
    'nothing installed: the full file');
is($device->told(version => '3.9.9'), 'install 4.0 full by message-5',
    'unknown: the full file');
is($device->told(version => '4.0'), 'nothing', 'installed');
is($device->told(version => '4'), 'nothing', '... or the same, said shorter');
is($device->told(version => '5.0'), 'nothing', '... or more');
is($device->told(refuse => '4'), 'install 2.0 full delta:1.0 by android-2',
    'refused: not told again');
is($device->told(refuse => '3.0'), 'install 4.0 full delta:1.0 by message-5',
    '... where it is another that is refused');
is($device->told(user => 'zed'), 'install 2.0 full delta:1.0 by android-2',
    'another user');
is($device->told(user => undef), 'install 2.0 full delta:1.0 by android-2',
    'no user');
is($device->told(platform => 'tv'), 'nothing', 'another platform');
$r = $t->get('/why?' . $device->query);
is($r->header('Why'), 'message', '$mds_reason');
is($r->header('By'), 'message-5 4.0', '$mds_release, $mds_version');
like($t->mdsctl('explain', 'app=s', 'kind=upgrade', 'platform=android',
    'user=u5', 'version=1.0'), qr/^release message-5, version 4\.0\n  yes  .*^reason: message\b/ms,
    'explain');
like($t->mdsctl('explain', 'app=s', 'kind=upgrade', 'platform=android',
    'user=u3', 'version=1.0'), qr/^  no   unread.*^reason: all\b/ms,
    'explain: read');
is($device->told(user => 'u3'), 'install 2.0 full delta:1.0 by android-2',
    'read: does not hit');
post('u6', delete_through => 5);
is($device->told(user => 'u6'), 'install 2.0 full delta:1.0 by android-2',
    'deleted: does not hit');

# A newer one for another platform does not stand before it.
users('ed', 'ed');
push_to('ed', $until, 'android=4.0', 'tv=5.0');
is($device->told(user => 'ed'), 'install 4.0 full delta:1.0 by message-9',
    'a newer one is for another platform');

# The newest of the platform alone counts, also when it does not hit.
users('dora', 'dora');
push_to('dora', $until, 'android=5.0', 'android=3.0');
my $dora = Device->new($t, %{ $device->{is} }, user => 'dora');
is($dora->told, 'install 3.0 full delta:1.0 by message-12',
    'the newest, though an older one is above it');
post('dora', read => [12]);
is($dora->told, 'install 2.0 full delta:1.0 by android-2',
    '... read: the older one does not take its place');
push_to('dora', at(3600), 'android=4.0');
is($dora->told, 'install 4.0 full delta:1.0 by message-13', 'a newer one');
$t->write('clock', 3_601_000);
is($dora->told, 'install 2.0 full delta:1.0 by android-2', '... expired');
$t->write('clock', 0);

# The higher version wins, the catalog's where they are equal.
users('alice', 'alice');
my $alice = Device->new($t, %{ $device->{is} }, user => 'alice');
push_to('alice', $until, 'android=3.0');
is($alice->told, 'install 3.0 full delta:1.0 by android-3',
    "equal: the catalog's");
push_to('alice', $until, 'android=4.0');
is($alice->told, 'install 4.0 full delta:1.0 by message-15', 'higher: wins');
# mdsctl refuses a message at the official version: 2.0 becomes official later.
$t->mdsctl('pause', 's', 'android-2');
push_to('alice', $until, 'android=2.0');
$t->mdsctl('resume', 's', 'android-2');
is($alice->told(), 'install 3.0 full delta:1.0 by android-3',
    'as high as what is official: does not hit');
$t->mdsctl('pause', 's', 'android-2');
push_to('alice', $until, 'android=2.0', 'tv=2.0');
$t->mdsctl('resume', 's', 'android-2');
is($alice->told(platform => 'tv'), 'install 2.0 full delta:1.0 by message-18',
    'nothing official');

# In a batch, for upgrades alone.
$r = post_raw('/mds/v1/check', $JSON->encode({ app => 's', user => 'u5',
    platform => 'android', resources => [
        { kind => 'upgrade', version => '1.0' }, { kind => 'bundle' } ] }));
is(join(' ', map { $_->{action} } @{ $r->json->{results} }), 'install none',
    'a batch');
my $m = $JSON->decode($r->json->{results}[0]{manifest});
is($m->{release}, 'message-5', '... a message');
ok($device->verifies($r->json->{results}[0]{manifest},
    $r->json->{results}[0]{signature}), '... signed');

# An official version that catches up ends it.
$document{releases}[1] = release_of('android', 4);
$t->mdsctl('apply', '--force', $t->document(\%document));
is($device->told, 'install 4.0 full delta:1.0 by android-4', 'overtaken');
is(list('u5')->{latest}{android}, '4.0', '... as the list says');
is(ids('u5'), '5', '... which it stays in');

# --- time

is_deeply(list('x')->{latest}, { android => '4.0', ios => '1.0' },
    'official now');
$t->write('clock', 1000 * 10 * DAY + 5000);
is(list('x')->{latest}{ios}, '4.0', 'official once it has begun');
is(ids('u5'), '5', 'expired, and still there');
$t->write('clock', 1000 * 40 * DAY - 3_600_000);
is(ids('u5'), '5', '... for 30 days');
marked('u5', { read => [5] }, '5r', '... to be marked');
$t->write('clock', 1000 * 40 * DAY + 5000);
is(ids('u5'), '', '... then it is gone');
is(ids('alice'), '', '... all are');
is(post('u5', read => [5])->status, 204, 'late marks are no error');
push_to('bob', at(60 * DAY), 'tv=2.0');
is(ids('bob'), '19', 'a new one has a new id');

# --- a record that is damaged is the trouble of one

is(post('bob', read => [19])->status, 204, 'marked');
$t->stop;
my $state = $t->depot_dir . '/state/data.mdb';
my $bytes = $t->read($state);
my $key   = "s\0bob";
my $nodes = $bytes =~ s/..\0\0\0\0\Q${\ pack 'v', length $key}$key\E/"\x17" . substr $&, 1/ges;
cmp_ok($nodes, '>', 0, 'the length of a record is changed');
$t->write($state, $bytes);
$t->start($t->{http});

is(post('bob', read => [18])->status, 503, 'who it is of cannot mark');
is(post('carol', read => [19])->status, 204, '... and others can');
is(ids('carol'), '', '... and have their lists');
like($t->error_log, qr/not a user's marks/, '... the log says so');

$t->allow(qr/none/);
$t->finish;
