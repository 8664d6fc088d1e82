# POST check: many questions in one body, an answer to each, in order; limits,
# mistakes, who may say what, and what becomes of the connection.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use MIME::Base64 qw(decode_base64);
use Test::More;
use Time::HiRes qw(sleep time);

my $t = MDS->new(workers => 2);
$t->depot;
$t->write("b$_", "package $_") for 1, 2;
my $JSON = JSON::PP->new->utf8->canonical;
my $true = JSON::PP::true;

my %document = (
    app      => 'a',
    poll     => { after_s => 100, jitter_s => 20 },
    lists    => { staff => { ids => ['boss'] } },
    packages => [
        map({ my $v = $_; map { { kind => 'bundle', name => $_,
            version => "$v.0", file => "b$v" } } qw(home shop staff tokyo) } 1, 2),
        map({ { kind => 'hotfix', version => "$_", file => "b$_" } } 1, 2),
    ],
    releases => [
        map({ { id => $_, kind => 'bundle', name => $_, version => '2.0',
            audience => { all => $true },
            meta => { notes => { zh => "更快 \"$_\"" } } } } qw(home shop)),
        { id => 'staff', kind => 'bundle', name => 'staff', version => '2.0',
          audience => { lists => ['staff'] } },
        { id => 'tokyo', kind => 'bundle', name => 'tokyo', version => '2.0',
          audience => { all => $true }, rules => [
              { attribute => 'city', op => 'in', values => ["東京"] } ] },
        { id => 'fix-1', kind => 'hotfix', version => '1', audience => { all => $true } },
        { id => 'fix-2', kind => 'hotfix', version => '2', audience => { all => $true },
          state => 'rolled_back' },
    ],
);
# The source is bytes: as JSON has them.
utf8::decode($document{releases}[$_]{meta}{notes}{zh}) for 0, 1;
utf8::decode($document{releases}[3]{rules}[0]{values}[0]);
$t->mdsctl('apply', $t->document(\%document));
$t->mdsctl('apply', $t->document({ app => 'silent' }, 'silent.json'));
$t->mdsctl('apply', $t->document({ app => 'large', packages => [
    { kind => 'bundle', name => 'x', version => '1.0', file => 'b1' },
    { kind => 'bundle', name => 'y', version => '1.0', file => 'b2' } ],
    releases => [
        { id => 'x', kind => 'bundle', name => 'x', version => '1.0',
          audience => { all => $true }, meta => { notes => { en => '"' x 30_000 } } },
        { id => 'y', kind => 'bundle', name => 'y', version => '1.0',
          audience => { all => $true } } ] }, 'large.json'));

$t->start(<<'EOF2');
mds_depot %DEPOT%;
map $mds_resources $one     { 1 $http_x_user; default ""; }
map $mds_resources $several { "~^([2-9]|1[0-9])$" $http_x_user; default ""; }
map $mds_resources $many    { "~^([2-9][0-9]|[0-9]{3})$" $http_x_user; default ""; }
limit_req_zone $one     zone=one:1m     rate=1r/m;
limit_req_zone $several zone=several:1m rate=1r/m;
limit_req_zone $many    zone=many:1m    rate=1r/m;
limit_req_status 429;
server {
    listen %LISTEN%;
    location = /check { mds_check; add_header X-Resources $mds_resources; }
    location = /other { return 200 "<$mds_resources>"; }
    location = /limited {
        mds_check;
        limit_req zone=one burst=4 nodelay;
        limit_req zone=several burst=1 nodelay;
        limit_req zone=many;
        add_header X-Resources $mds_resources always;
    }
    location = /user  { mds_check; mds_attribute user $http_x_user;
                        mds_attribute city ""; }
    location = /app   { mds_check; mds_attribute app a;
                        mds_attribute version 2.0; }
}
EOF2

sub head_of {
    my ($length, %more) = @_;
    my $target = delete $more{target} // '/check';
    my $close  = delete $more{close} // 1;
    my %lines = ('Content-Type' => 'application/json', %more);
    $lines{'Content-Length'} = $length if defined $length;
    return "POST $target HTTP/1.1\r\nHost: a\r\n"
        . ($close ? "Connection: close\r\n" : '')
        . join('', map { defined $lines{$_} ? "$_: $lines{$_}\r\n" : () }
            sort keys %lines) . "\r\n";
}

sub chunked {
    my ($body, $size) = @_;
    my $chunks = join '', map { sprintf "%x\r\n%s\r\n", length $_, $_ }
        unpack "(a$size)*", $body;
    return $chunks . "0\r\n\r\n";
}

sub text { my ($body, %more) = @_; return $t->raw(head_of(length $body, %more) . $body) }
sub post { my ($body, %more) = @_; return text($JSON->encode($body), %more) }

sub bundle { map { { kind => 'bundle', name => $_, version => '1.0' } } @_ }

sub actions {
    my ($r) = @_;
    return $r->status if $r->status != 200;
    return join ' ', map { $_->{action} } @{ $r->json->{results} };
}

# --- answers

my $r = post({ app => 'a', resources => [ bundle('shop', 'none', 'home'),
    { kind => 'hotfix', version => '2' }, { kind => 'hotfix' },
    { kind => 'bundle', name => 'shop', version => '2.0' } ] });
is($r->status, 200, 'an answer: 200');
is($r->header('Content-Type'), 'application/json', '... JSON');
is($r->header('Cache-Control'), 'no-store', '... not to be kept');
is($r->header('MDS-Serial'), 2, '... serial');
is($r->json->{serial}, 2, '... in the body too');
is(actions($r), 'install none install rollback install none', 'each its answer');
my @results = @{ $r->json->{results} };
is_deeply([ map { "$_->{kind} $_->{name}" } @results ], [ 'bundle shop',
    'bundle none', 'bundle home', 'hotfix ', 'hotfix ', 'bundle shop' ],
    '... in the order asked');
is_deeply([ sort keys %{ $results[0] } ],
    [qw(action kind manifest name signature)], 'install: its members');
is_deeply([ sort keys %{ $results[1] } ], [qw(action kind name)], 'none: its');
is_deeply([ sort keys %{ $r->json } ], [qw(poll_after results serial)], 'all');

# What was signed, to the byte; as a GET answers it.
for my $case ([ 0, 'bundle&name=shop&version=1.0' ], [ 3, 'hotfix&version=2' ]) {
    my ($i, $query) = @$case;
    my $one = $t->get("/check?app=a&kind=$query");
    my $bytes = $results[$i]{manifest};
    utf8::encode($bytes);
    is($bytes, $one->body, "the manifest is that of GET ($query)");
    is($results[$i]{signature}, $one->header('MDS-Signature'), '... signed so');
    ok(verifies($bytes, $results[$i]{signature}), '... and openssl agrees');
    ok(!verifies("$bytes ", $results[$i]{signature}), '... not to other bytes');
}
like($results[0]{manifest}, qr/\x{66f4}\x{5feb} \\"shop\\"/, '... UTF-8, quotes');

# By openssl alone.
sub verifies {
    my ($body, $header) = @_;
    my ($sig) = $header =~ /sig=:([A-Za-z0-9+\/=]+):$/;
    my $type = 'application/vnd.mds.manifest+json';
    my ($key) = grep { !/^untrusted/ } split /\n/, $t->read('test.pub');

    $t->write('key.der', pack('H*', '302a300506032b6570032100')
        . substr decode_base64($key), 10);
    $t->write('sig', decode_base64($sig));
    $t->write('pae', sprintf('DSSEv1 %d %s %d %s', length $type, $type,
        length $body, $body));
    my ($status) = $t->run({}, 'openssl', 'pkeyutl', '-verify', '-rawin',
        '-pubin', '-keyform', 'DER', '-inkey', "$t->{dir}/key.der",
        '-sigfile', "$t->{dir}/sig", '-in', "$t->{dir}/pae");
    return $status == 0;
}

# --- one's mistake is one's own

$r = post({ app => 'a', resources => [ bundle('shop'), { name => 'shop' },
    'shop', { kind => 'bundle', name => 'shop', version => 'x' },
    { kind => 'bundle', name => 7 }, { kind => 'bundle', Name => 'shop' },
    { kind => 'bundle', name => 'x' x 257 }, undef, bundle('home'),
    { kind => 'bundle', name => 'shop', refuse => '1.0,x' } ] });
is(actions($r), join(' ', 'install', ('error') x 7, 'install', 'error'),
    'mistakes stand alone') or diag($r->body);
my @details = map { $_->{detail} // '' } @{ $r->json->{results} };
like($details[1], qr/kind/, '... each says what it is') or diag("@details");
like($details[2], qr/string.*object/, '... no object');
like($details[3], qr/version/, '... no version');
like($details[4], qr/"name" is .*want a string/, '... no string');
like($details[5], qr/Name/, '... no name');
like($details[6], qr/256/, '... too long');
like($details[7], qr/want an object/, '... null');
is($details[0] . $details[8], '', '... and the others have nothing to say');

# --- the body's mistakes

my $long = 'x' x 65_536;
my @wrong = (
    [ '', qr/body: the text is empty/ ],
    [ '{', qr/body:1:1/ ],
    [ "{\n\"app\": \"a\",\n  oops", qr/body:3:/ ],
    [ '{"app":"a","resources":[]} x', qr/body:1:/ ],
    [ '{"app":"a","app":"b","resources":[]}', qr/body:1:.*"?app/ ],
    [ '{"app":"a","resources":[{"kind":"bundle","kind":"bundle"}]}', qr/body:1:.*kind/ ],
    [ "{\"app\":\"\xff\",\"resources\":[]}", qr/body:1:/ ],
    [ '{"app":"\u0000","resources":[]}', qr/body:1:/ ],
    [ '[]', qr/a list|an array/ ],
    [ '"a"', qr/string.*object/ ],
    [ '{"app":"a"}', qr{/resources is} ],
    [ '{"app":"a","resources":{}}', qr{/resources is an object} ],
    [ '{"app":7,"resources":[]}', qr/"app" is .*want a string/ ],
    [ '{"app":"a","user":["u"],"resources":[]}', qr/"user" is/ ],
    [ '{"app":"a","resources":[{"kind":"k"},{"user":"u"}]}',
        qr{^/resources/1/user: .*one device and one user.*beside "resources"} ],
    [ '{"app":"a","resources":[{"\u0064evice":"d"}],"device":"d"}',
        qr{^/resources/0/device: } ],
    [ '{"app":"a","resources":[{"device":null}]}', qr{^/resources/0/device: } ],
    [ '{"app":"a","resources":[{"kind":}]}', qr/body:1:/ ],
    [ '{"resources":[{' . join('', map { qq("n$_":,) } 10 .. 74) . '"":,' x 15_000,
        qr/body:1:/ ],
    [ '{"app":"a","User":"u","resources":[]}', qr/User/ ],
    [ '{"app":"a","user":"' . 'u' x 257 . '","resources":[]}', qr/user.*256/ ],
    (map { [ qq({"app":"a","$_":"1.x","resources":[{"kind":"bundle","name":"home"}]}),
        qr/"$_": "1\.x" is not a version/ ] } qw(version app_version refuse)),
    [ '{"app":"a","version":"bad","resources":[]}', qr/"version": "bad"/ ],
    map({ [ qq({$_"resources":[{"kind":"k"}]}), qr/"app" is missing/ ] } '', '"app":"",',
        '"app":null,', '"kind":"k",'),
    [ '{"resources":[]}', qr/"app" is missing/ ],
    [ '{"resources":[{"app":"a","kind":"k"},{"kind":"k"}]}', qr/"app" is missing/ ],
    [ $JSON->encode({ app => 'a', resources => [ bundle(('home') x 257) ] }),
        qr{/resources.*257.*256} ],
    [ $JSON->encode({ app => 'a', resources => [],
        map { ("x$_" => 'y') } 1 .. 70 }), qr/64/ ],
);
for my $case (@wrong) {
    my ($body, $detail) = @$case;
    my $title = substr $body, 0, 50;
    $r = text($body);
    is($r->status, 400, "400: $title");
    is($r->header('Content-Type'), 'application/problem+json', '... a problem');
    like($r->json->{detail}, $detail, '... says where');
}

is(actions(post({ app => 'a', resources => [] })), '', 'nothing asked');
is(actions(post({ app => 'a', resources => [ bundle(('home') x 256) ] })),
    join(' ', ('install') x 256), '256 resources');
is(actions(post({ resources => [ map { { %$_, app => 'a' } } bundle('home') ] })), 'install',
    'each resource has an app of its own');

# Longer answers than anybody guesses: all is escaped, and there is room for it.
my @odd = map { { kind => "\x01" x 200, name => "\"$_" x 100 } } 10 .. 39;
$r = post({ app => 'a', resources => \@odd });
is_deeply([ map { { kind => $_->{kind}, name => $_->{name} } }
    @{ $r->json->{results} } ], \@odd, 'odd names come back as they were');
@odd = map { { kind => 'k', name => 'n', "$_\x02\"\n" x 20 => 'x' } } 10 .. 99;
is(actions(post({ app => 'a', resources => \@odd })),
    join(' ', ('error') x 90), '... and odd mistakes are told');

# --- an answer has a most, whatever is asked

my $most = 4 * 1024 * 1024;
my @asked = map { { kind => 'bundle', name => $_, version => '0' } }
    ('y', ('x') x 254, 'y');
$r = post({ app => 'large', resources => \@asked });
is($r->status, 200, 'more than an answer may have');
@results = @{ $r->json->{results} };
my $installs = grep { $_->{action} eq 'install' } @results;
cmp_ok(length($r->body), '<=', $most, '... no more than 4 MiB');
cmp_ok(length($r->body), '>', $most - 300_000, '... and little less');
is(join(' ', map { $_->{action} } @results[0 .. 20]), join(' ', ('install') x 21),
    '... the first are told');
cmp_ok($installs, '<', 100, '... those beyond are not');
is_deeply([ map { $_->{name} } @results ], [ map { $_->{name} } @asked ],
    '... each in its place');
is(scalar(grep { ($_->{detail} // '') =~ /4 MiB.*another request/ } @results),
    256 - $installs, '... and say why');
is(actions(post({ app => 'large', resources => [ @asked[0, 200, 255] ] })),
    'install install install', '... nothing is wrong with them');
is($t->get('/check?app=large&kind=bundle&name=x')->body,
    do { my $m = $results[1]{manifest}; utf8::encode($m); $m },
    '... and what was told is what GET tells');

# As many controls as a body can name: what a result takes is kept for each.
@asked = map { { kind => "\x01" x 19, name => 'x' x 20 } } 1 .. 254;
$r = post({ app => 'large', kind => 'bundle', version => '0',
    resources => [ ({ name => 'x' }) x 100, @asked[0 .. 155] ] });
is($r->status, 200, 'long names behind what fills the answer');
cmp_ok(length($r->body), '<=', $most, '... no more than 4 MiB');
is(scalar @{ $r->json->{results} }, 256, '... all of them');

# --- how long, and how it comes

my $body = $JSON->encode({ app => 'a', resources => [ bundle('home') ] });
my $full = $body . ' ' x (65_536 - length $body);
is(actions(text($full)), 'install', '64 KiB');
is(text("$full ")->status, 413, '64 KiB and a byte: 413');
is(text("$full ")->header('Content-Type'), 'application/problem+json',
    '... a problem');
is(text('x' x 1_000_000)->status, 413, 'a megabyte: 413');

my %chunks = ('Transfer-Encoding' => 'chunked');
for my $size (1, 7, 4096, 65_536) {
    next if $size == 1;
    is(actions($t->raw(head_of(undef, %chunks) . chunked($full, $size))),
        'install', "64 KiB in chunks of $size");
    is($t->raw(head_of(undef, %chunks) . chunked("$full ", $size))->status, 413,
        '... and a byte: 413');
}
is(actions($t->raw(head_of(undef, %chunks) . chunked($body, 1))), 'install',
    'in chunks of 1');
is($t->raw(head_of(undef, %chunks) . "zz\r\n\r\n")->status, 400, 'no chunk: 400');
is($t->raw(head_of(undef, %chunks) . "0\r\n\r\n")->status, 400, 'no body: 400');
is(text('', 'Content-Length' => undef)->status, 400, '... not even a length');

sub slowly {
    my ($bytes, $head) = @_;
    my $socket = $t->connect;
    $socket->syswrite($head);
    for my $byte (split //, $bytes) {
        $socket->syswrite($byte);
        sleep 0.001;
    }
    return $t->rest_of($socket);
}

is(actions(slowly($body, head_of(length $body))), 'install', 'byte by byte');
is(actions(slowly(chunked($body, 10), head_of(undef, %chunks))), 'install',
    '... chunked');
is(actions($t->raw(head_of(length $body, Expect => '100-continue') . $body)
    ->{bytes} =~ /^HTTP\S+ 100 Continue\r\n\r\n(.*)/s
    ? MDS::Response->new($1) : $t->raw('')), 'install', 'Expect: 100-continue');

# --- types and methods

is(text($body, 'Content-Type' => $_)->status, 200, "type $_")
    for 'application/json', 'Application/JSON', 'application/json; charset=utf-8',
    'application/json;charset=utf-8';
for my $type ('text/json', 'application/jsonx', 'application/x-www-form-urlencoded',
    'application/json+x', '')
{
    $r = text($body, 'Content-Type' => $type);
    is($r->status, 415, "type '$type': 415");
    is($r->header('Content-Type'), 'application/problem+json', '... a problem');
}
is(text($body, 'Content-Type' => undef)->status, 415, 'no type: 415');
for my $method (qw(PUT DELETE PATCH OPTIONS)) {
    $r = $t->raw(head_of(length $body) =~ s/^POST/$method/r . $body);
    is($r->status, 405, "$method: 405");
    is($r->header('Allow'), 'GET, HEAD, POST', '... Allow');
    is($r->header('Content-Type'), 'application/problem+json', '... a problem');
}

# --- who says what

my @staff = bundle('staff');
is(actions(post({ app => 'a', user => 'boss', resources => \@staff })), 'install',
    'by its body');
is(actions(post({ app => 'a', version => '2.0', resources => [
    bundle('home'), { kind => 'bundle', name => 'home' } ] })), 'install none',
    'a resource over its body');
is(actions(post({ app => 'a', version => '2.0', resources => [
    { kind => 'bundle', name => 'home', version => '' },
    { kind => 'bundle', name => 'home', version => undef } ] })),
    'install install', '... with nothing, too');
is(actions(post({ app => 'a', kind => 'bundle', version => '1.0', resources => [
    map { { name => $_ } } qw(home staff shop) ] })), 'install none install',
    'a kind for all');
is(actions(post({ app => 'a', resources => \@staff },
    target => '/check?user=boss')), 'none', 'a query says nothing in a POST');

my @spoofs = (
    [ 'body',     { user => 'boss' }, {}, qw(none none install) ],
    [ 'resource', {}, { user => 'boss' }, qw(400 400 400) ],
    [ 'both',     { user => 'boss' }, { user => 'boss' }, qw(400 400 400) ],
);
for my $spoof (@spoofs) {
    my ($where, $common, $own, @wanted) = @$spoof;
    my %body = (app => 'a', %$common, resources => [ { %{ $staff[0] }, %$own } ]);
    is(actions(post(\%body, target => '/user')), $wanted[0],
        "spoofed in the $where");
    is(actions(post(\%body, target => '/user', 'X-User' => 'eve')), $wanted[1],
        '... over another');
    is(actions(post(\%body, target => '/user', 'X-User' => 'boss')), $wanted[2],
        '... or the same');
}
is(actions(post({ app => 'a', resources => \@staff }, target => '/user?user=boss')),
    'none', 'spoofed in the query');
is(actions(text('{"app":"a","user":"boss","user":"boss","resources":[]}',
    target => '/user')), 400, 'spoofed twice: 400');
is(actions(text('{"app":"a","resources":[{"kind":"bundle","name":"staff",'
    . '"\u0075ser":"boss"}]}', target => '/user')), 400, 'spoofed by an escape');
is($t->get("/user?app=a&kind=bundle&name=staff&version=1.0&$_")->status, 204,
    "GET: $_") for 'user=boss', '%75ser=boss', 'device=boss';
is($t->get("/user?app=a&kind=bundle&name=staff&user=boss&$_")->status, 400,
    "GET: doubled by $_") for 'user=boss', 'user=', '%75ser=eve';

my $tokyo = "東京";
utf8::decode($tokyo);
is(actions(post({ app => 'a', city => $tokyo, resources => [ bundle('tokyo') ] })),
    'install', 'a city in UTF-8');
is(actions(post({ app => 'a', city => $tokyo, resources => [ bundle('tokyo') ] },
    target => '/user')), 'none', '... that the operator knows nothing of');
is(actions(post({ resources => [ bundle('home') ] }, target => '/app')), 'none',
    'the operator\'s app and version')
    or diag($t->error_log);
is(actions(post({ app => 'b', version => '1.0', resources => [
    { kind => 'bundle', name => 'home' }, { kind => 'bundle', name => 'shop',
      version => '0' } ] }, target => '/app')), 'none none', '... spoofed');

# --- a batch counts for what it asks, before its body would be read

sub limited {
    my ($user, $count) = @_;
    return post({ app => 'a', resources => [ bundle(('home') x $count) ] },
        target => '/limited', 'X-User' => $user);
}

is(post({ app => 'a', resources => [ bundle(('home') x $_) ] })
    ->header('X-Resources'), $_ || 1, "$_ resources") for 0, 1, 2, 17, 256;
is($t->get('/check?app=a&kind=none')->header('X-Resources'), 1, 'a check: 1');
is($t->get('/other')->body, '<>', 'somewhere else: none');
for my $case ([ 1, 5 ], [ 10, 2 ], [ 200, 1 ]) {
    my ($count, $times) = @$case;
    my $user = "u$count";
    is(join(' ', map { limited($user, $count)->status } 0 .. $times),
        join(' ', (200) x $times, 429), "$count at once: $times times");
    is(limited("other$count", $count)->status, 200, '... another user may');
    is(limited($user, $count)->header('X-Resources'), $count, '... what it asked');
}
for my $wrong ('{', '{"resources":[{"user":"u"}]}', '',
    $JSON->encode({ app => 'a', resources => [ ({}) x 300 ] }))
{
    my $title = substr $wrong, 0, 30;
    $r = text($wrong, target => '/limited');
    is($r->status, 400, "400 as ever: $title");
    is($r->header('X-Resources'), 1, '... counts as one');
}
is(text('x' x 100_000, target => '/limited')->status, 413, '413 as ever');
is($t->raw(head_of(undef, 'Transfer-Encoding' => 'chunked', target => '/limited')
    . chunked('x' x 100_000, 4096))->status, 413, '... in chunks');
is(text('{}', target => '/limited', 'Content-Type' => 'a/b')->status, 415,
    '415 as ever');
{
    my $slow = $JSON->encode({ app => 'a', resources => [ bundle(('home') x 30) ] });
    my $answer = slowly($slow, head_of(length $slow, target => '/limited'));
    is(actions($answer), join(' ', ('install') x 30), 'byte by byte');
    is($answer->header('X-Resources'), 30, '... counted all the same');
}

# --- when to ask again

my (%body_says, %get_says);
for (1 .. 150) {
    $r = post({ app => 'a', resources => [ bundle('home') ] });
    my $says = $r->json->{poll_after};
    fail("MDS-Poll-After differs: $says") if $says != $r->header('MDS-Poll-After');
    $body_says{$says}++;
    $get_says{ $t->get('/check?app=a&kind=none')->header('MDS-Poll-After') }++;
}
for my $said (\%body_says, \%get_says) {
    my @said = sort { $a <=> $b } keys %$said;
    cmp_ok($said[0], '>=', 100, 'asks again after 100 s at least');
    cmp_ok($said[-1], '<=', 120, '... 120 at most');
    cmp_ok($said[0], '<=', 105, '... from the beginning');
    cmp_ok($said[-1], '>=', 115, '... to the end');
    cmp_ok(scalar @said, '>', 12, '... and all between');
}
for my $case (
    [ 'nothing asked'               => a => [] ],
    [ 'all are errors'              => a => [ { name => 'home' } ] ],
    [ 'a resource of another app'   => a => [ { kind => 'k', app => 'silent' } ] ],
    [ '... and an error'            => a => [ { app => 'silent' }, { kind => 'k', app => 'silent' } ] ],
    [ '... and one of its own'      => a => [ { kind => 'k', app => 'silent' }, { kind => 'k' } ] ],
) {
    my ($title, $app, $resources) = @$case;
    $r = post({ app => $app, resources => $resources });
    cmp_ok($r->json->{poll_after}, '>=', 100, "asks again: $title");
    is($r->header('MDS-Poll-After'), $r->json->{poll_after}, '... in the header, too');
}
is(post({ app => 'silent', resources => [ { kind => 'k', app => 'a' } ] })->json->{poll_after}, 0,
    "... as the body's app says, not as another");
is(post({ app => 'silent', resources => [ bundle('home') ] })->json->{poll_after},
    0, 'an app that says nothing: 0');
is(post({ app => 'silent', resources => [ bundle('home') ] })
    ->header('MDS-Poll-After'), undef, '... and no header');

# --- the connection goes on

my $good = head_of(length $body, close => 0) . $body;
my @keep = (
    [ 'an answer', $good, 200 ],
    [ '400', head_of(1, close => 0) . '{', 400 ],
    [ '415', head_of(2, close => 0, 'Content-Type' => 'a/b') . 'xx', 415 ],
    [ '405', head_of(2, close => 0) =~ s/^POST/PUT/r . 'xx', 405 ],
    [ '413', head_of(100_000, close => 0) . 'x' x 100_000, 413 ],
    [ 'a check', "GET /check?app=a&kind=none HTTP/1.1\r\nHost: a\r\n\r\n", 204 ],
    [ 'HEAD', "HEAD /check?app=a&kind=bundle&name=home HTTP/1.1\r\nHost: a\r\n\r\n",
        200 ],
);
for my $case (@keep) {
    my ($title, $first, $status) = @$case;
    my $last = head_of(length $body) . $body;
    my $both = $t->raw($first . $last);
    is($both->status, $status, "first $title");
    my @lines = $both->{bytes} =~ m{^(?:.*\})?HTTP/1\.1 (\d+)}mg;
    is("@lines", "$status 200", '... and the connection goes on');
}

# --- HTTP/2

SKIP: {
    my ($status, $version) = $t->run({}, 'curl', '--version');
    skip 'no curl with HTTP/2', 1 if $status != 0 || $version !~ /HTTP2/;

    $t->stop;
    $t->start($t->{http} =~ s/listen %LISTEN%;/listen %LISTEN% http2;/r);
    my @curl = ('curl', '-s', '--http2-prior-knowledge', '-w', ' %{http_code}',
        '-H', 'Content-Type: application/json');
    my $url = $t->url('/check');

    # This curl loses, now and then, an answer to what it still sends.
    my $says = sub {
        my @words = @_;
        my $out;
        $t->wait_for(sub {
            (undef, $out) = $t->run({}, @words);
            return $out !~ / 000$/;
        });
        return $out;
    };

    like($says->(@curl, '--data-binary', $body, $url),
        qr/"action":"install".* 200$/s, 'HTTP/2');
    for my $case ([ $full, 200 ], [ "$full ", 413 ], [ '{', 400 ]) {
        my $file = $t->write('body', $case->[0]);
        like($says->(@curl, '--data-binary', "\@$file", $url),
            qr/ $case->[1]$/, "... $case->[1]");
    }
    like($says->(@curl[0 .. 4], '-d', 'x', $url), qr/ 415$/, '... 415');
    like($says->(@curl[0 .. 4], "$url?app=a&kind=bundle&name=home"),
        qr/"action":"install".* 200$/s, '... GET');
}

$t->finish;
