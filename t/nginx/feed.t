#!/usr/bin/perl

# mds_feed, as nginx answers it without any agent: the head, the long poll for
# the next one, the immutable files, roots, and what it refuses.

use strict;
use warnings;

use Digest::SHA qw(sha256 sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;
use Time::HiRes qw(sleep time);

my $DSSE    = 'application/vnd.dsse.envelope.v1+json';
my $PROBLEM = 'application/problem+json';
my $IMMUTABLE = 'public, max-age=31536000, immutable';

my $t   = MDS->new;
my $dir = $t->dir;
$t->depot;

my $depot = $t->depot_dir;
my $base  = '/mds/v1/feed';

$t->start(<<'END');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location /mds/v1/feed/  { mds_feed; }
    location /cached/       { mds_feed; open_file_cache max=10; }
    location /closed/       { mds_feed; deny all; }
    location /few/          { mds_feed; mds_watch_max 1; }
    location = /status      { mds_status; }
}
END

sub feed { my ($path, @headers) = @_; return $t->get("$base/$path", @headers) }

sub problem {
    my ($name, $r, $status, $detail) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $r->status, $status, "$name: $status";
    is $r->header('Content-Type'), $PROBLEM, '... a problem';
    is $r->header('Cache-Control'), 'no-store', '... which is not stored';
    like $r->header('MDS-Serial'), qr/^\d+$/, '... with the serial';
    like +($r->json // {})->{detail} // '', $detail, '... that says why' if $detail;
}

# Begins a request, and does not wait for the answer.
sub ask {
    my ($path) = @_;
    my $socket = $t->connect;
    $socket->syswrite("GET $path HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    return $socket;
}

# The serial that a head says.
sub serial_of { decode_json(decode_base64($_[0]->json->{payload}))->{serial} }

# Returns whether an answer has come already.
sub has_come { scalar(() = IO::Select->new($_[0])->can_read(0)) }

# Returns once the worker has seen all requests sent before: it answers this one.
sub settle { $t->get('/status?format=json') for 1 .. 3 }

# --- a depot without a feed

problem('no head', feed('head'), 404, qr/there is no head of the feed yet/);
is feed('head?serial=0')->status, 204, '... with a serial: nothing later';
problem('no root', feed('root/1'), 404);
problem('no file', feed("$_/" . 'ab' x 32), 404, qr/the file does not exist/)
    for qw(catalog lists trees);

# Who waits for the first head gets it.
my $first = ask("$base/head?serial=0&wait=300");
settle();
ok !has_come($first), 'the first head is waited for';

$t->write('one', 'package one' x 1000);
$t->write('ids', join '', map { "user-$_\n" } 1 .. 20_000);
$t->mdsctl(qw(publish), "$dir/one", qw(--app a --kind bundle --name b --version 1));
my $r = $t->rest_of($first);
is $r->status, 200, '... and comes with the first change';
is serial_of($r), 1, '... of serial 1';

$t->mdsctl(qw(list import a beta), "$dir/ids");
$t->mdsctl(qw(release a r1 --kind bundle --name b --version 1 --all --yes));

# --- the head

$r = feed('head');
is $r->status, 200, 'head: 200';
is $r->body, $t->read("$depot/feed/head"), '... the bytes that were signed';
is $r->header('Content-Type'), $DSSE, '... an envelope';
is $r->header('Cache-Control'), 'no-store', '... that no cache stores';
is $r->header('ETag'), undef, '... without an ETag';
is $r->header('MDS-Serial'), 3, '... with the serial';
is $r->header('Content-Length'), length $r->body, '... and the length';
is $r->json->{payloadType}, 'application/vnd.mds.feed+json', '... the head of a feed';

my $head = decode_json(decode_base64($r->json->{payload}));
is $head->{version}, 1, '... of version 1';
is $head->{serial}, 3, '... of the serial in force';
is $head->{lists}{count}, 1, '... which has one list';
cmp_ok length $r->body, '<', 4096, '... and is small';

my $whole = $r->body;
$r = $t->head("$base/head");
is $r->status, 200, 'HEAD of the head: 200';
is $r->header('Content-Length'), length $whole, '... its length';
is $r->body, '', '... no body';

# --- the poll

is feed('head?serial=2')->body, $whole, 'an older serial: the head';
is feed("head?serial=$_")->status, 204, "serial $_: 204" for 3, 4, 9223372036854775807;
is feed('head?wait=300')->body, $whole, 'wait without a serial: at once';
is feed("head?serial=$_&wait=300")->body, $whole, "serial $_ and wait: at once" for 0, 2;
is $t->head("$base/head?serial=3&wait=300")->status, 204, 'HEAD does not wait';
is feed('head?app=a&kind=b&x=y&serial=2')->status, 200, 'other parameters are nothing to it';

for my $query ('serial=-1', 'serial=x', 'serial=1.5', 'serial=0x3', 'serial=3 ',
    'serial=9223372036854775808', 'serial=99999999999999999999', 'serial=1&serial=2',
    'serial=3&wait=0', 'serial=3&wait=-1', 'serial=3&wait=301',
    'serial=3&wait=x', 'serial=3&wait=1&wait=1', 'serial=3&wait=1s', 'wait=301')
{
    problem($query, feed('head?' . $query =~ s/ /%20/r), 400);
}

is feed('head?serial=&wait=')->body, $whole, 'an empty value is as if it were absent';
is feed('head?serial=3&wait=')->status, 204, '... also of wait';

# The bound of the wait: the answer is 204, and not before.
my $begun = time;
is feed('head?serial=3&wait=1')->status, 204, 'nothing came within the wait: 204';
cmp_ok time - $begun, '>=', 0.99, '... and the second was waited for';

# Several edges wait, and one change answers all of those that are behind.
my @waiting = map { ask("$base/head?serial=3&wait=300") } 1 .. 5;
my $ahead = ask("$base/head?serial=4&wait=300");
my $gone = ask("$base/head?serial=3&wait=300");
settle();
is scalar(grep { has_come($_) } @waiting, $ahead), 0, 'the present serial waits';
close $gone;
$t->mdsctl(qw(pause a r1));
for my $socket (@waiting) {
    my $answer = $t->rest_of($socket);
    is $answer->status, 200, 'a change answers it';
    is serial_of($answer), 4, '... by the next serial';
    is $answer->header('MDS-Serial'), 4, '... also in the header';
}
settle();
ok !has_come($ahead), 'an edge that has that serial waits on';
$t->mdsctl(qw(resume a r1));
is serial_of($t->rest_of($ahead)), 5, '... for the one after';

# A head that is renewed by hand is one with a later serial, too.
$ahead = ask("$base/head?serial=5&wait=300");
settle();
$t->mdsctl(qw(head));
cmp_ok serial_of($t->rest_of($ahead)), '>', 5, 'mdsctl head answers it';
my $serial = serial_of(feed('head'));

# mds_watch_max bounds those that wait; it does not touch the others.
my $one = ask("/few/head?serial=$serial&wait=300");
settle();
problem('one more than mds_watch_max', $t->get("/few/head?serial=$serial&wait=300"), 503);
is $t->get("/few/head?serial=0&wait=300")->status, 200, '... but who need not wait is answered';
is $t->get("/few/head?serial=$serial")->status, 204, '... at once';
close $one;
ok $t->wait_for(sub {
    my $socket = ask("/few/head?serial=$serial&wait=1");
    return $t->rest_of($socket)->status == 204;
}), 'an edge that went away makes room';

# A reload ends the wait.
$one = ask("$base/head?serial=$serial&wait=300");
settle();
$t->reload;
is $t->rest_of($one)->status, 204, 'a reload ends the wait: 204';

# --- the files

$head = decode_json(decode_base64(feed('head')->json->{payload}));
my ($tree) = map { m{([0-9a-f]{64})\z} } glob "$depot/feed/trees/*";
my %file = (
    (map { ("catalog/$_->{sha256}" => $_->{size}) } @{ $head->{catalog} }),
    "lists/$head->{lists}{sha256}" => $head->{lists}{size},
);

for my $at (sort keys %file) {
    for my $under ($base, '/cached', '/cached') {
        my $r = $t->get("$under/$at");
        my ($sha) = $at =~ m{/(.*)};
        is $r->status, 200, "$under/$at: 200";
        is length $r->body, $file{$at}, '... as long as the head says';
        is sha256_hex($r->body), $sha, '... of that digest';
        is $r->header('Content-Length'), $file{$at}, '... Content-Length';
        is $r->header('ETag'), qq("$sha"), '... ETag';
        is $r->header('Cache-Control'), $IMMUTABLE, '... immutable';
        is $r->header('Content-Type'), 'application/octet-stream', '... type';
        is $r->header('Accept-Ranges'), 'bytes', '... with ranges';
        is $r->header('Repr-Digest'), 'sha-256=:' . encode_base64(sha256($r->body), '') . ':',
            '... digest';
    }
}

# The list itself is named by the index.
my ($list) = feed("lists/$head->{lists}{sha256}")->body =~ /^[0-9a-f]{64} ([0-9a-f]{64}) \d+$/m;
ok $list, 'the index names a list';
is sha256_hex(feed("lists/$list")->body), $list, '... which is fetched by that digest';
is feed("catalog/$list")->status, 404, '... and is not one of the catalog';

my ($at)  = map { "catalog/$_->{sha256}" } $head->{catalog}[-1];
my $bytes = feed($at)->body;
my $size  = length $bytes;
my ($sha) = $at =~ m{/(.*)};

for my $range (['0-0', 0, 1], ['0-99', 0, 100], ['100-', 100, $size - 100],
    ['-10', $size - 10, 10], [ '1-' . ($size + 100), 1, $size - 1 ])
{
    my ($said, $from, $len) = @$range;
    my $r = feed($at, Range => "bytes=$said");
    is $r->status, 206, "bytes=$said: 206";
    ok $r->body eq substr($bytes, $from, $len), '... the bytes';
    is $r->header('Content-Range'), sprintf('bytes %d-%d/%d', $from, $from + $len - 1, $size),
        '... and where they are';
    is $r->header('Cache-Control'), $IMMUTABLE, '... immutable';
    is $r->header('ETag'), qq("$sha"), '... ETag';
}
is feed($at, Range => 'bytes=9-', 'If-Range' => qq("$sha"))->status, 206, 'If-Range: the same';
is feed($at, Range => 'bytes=9-', 'If-Range' => '"x"')->status, 200, '... another: the whole';
is feed($at, 'If-None-Match' => qq("$sha"))->status, 304, 'If-None-Match: 304';

for my $range ("bytes=$size-", "bytes=@{[ $size + 1 ]}-@{[ $size + 9 ]}") {
    my $r = feed($at, Range => $range);
    is $r->status, 416, "$range: 416";
    is $r->header('Content-Range'), "bytes */$size", '... with the size';
    is $r->header('Cache-Control'), undef, '... which is not for ever';
    is $r->header('Repr-Digest'), undef, '... and has no digest of the file';
}

$r = $t->head("$base/$at");
is $r->status, 200, 'HEAD of a file: 200';
is $r->header('Content-Length'), $size, '... its length';
is $r->header('Cache-Control'), $IMMUTABLE, '... immutable';
is $r->body, '', '... no body';

# --- what is refused

my $upper = uc $sha;
my $whole_now = feed('head')->body;
for my $path ('', 'x', 'heads', 'head/', 'Head', 'catalog', 'catalog/', 'catalog/x',
    'catalog/' . substr($sha, 1), "catalog/${sha}0", "catalog/$upper", "catalog/$sha/",
    "catalog/$sha.part", "catalog/$sha%2f", "/catalog/x", "lists/$sha", "trees/$sha", "files/$sha",
    "Catalog/$sha", "catalog/" . 'g' x 64, "catalog/%00$sha", "catalog/$sha%00",
    "catalog/..%2fx", "catalog/%2e%2e/x", "lists/../catalog/x", "catalog/./x",
    'catalog/..%2f..%2fhead', 'CURRENT', '../CURRENT/', 'catalog/' . '../' x 21 . 'x', 'root', 'root/', 'root/0', 'root/01',
    'root/x', 'root/-1', 'root/99999999999999999999')
{
    my $r = $t->request('GET', "$base/$path");
    # nginx itself refuses a URI with NUL, and one that leads out of the location.
    if ($path =~ m{%00|\.\.(?:/|%2f)\.\.|^\.\./}) {
        ok $r->status == 400 || $r->status == 404, "$path: refused";
        next;
    }
    problem("/$path", $r, 404);
}

is feed($_)->body, $whole_now, "$_: nginx takes the path apart, and it is the head"
    for 'catalog/..%2fhead', 'lists/../head', '/head', './head';

# A name that only looks like a file is not followed, nor read.
my $link = 'ab' x 32;
$t->write("$dir/secret", 'a secret');
symlink "$dir/secret", "$depot/feed/catalog/$link";
mkdir "$depot/feed/catalog/" . 'cd' x 32;
for my $under ($base, '/cached') {
    problem("$under: a symbolic link", $t->get("$under/catalog/$link"), 404);
    problem("$under: a directory", $t->get("$under/catalog/" . 'cd' x 32), 404);
}
unlink "$depot/feed/catalog/$link";
rmdir "$depot/feed/catalog/" . 'cd' x 32;

for my $method (qw(POST PUT DELETE PATCH OPTIONS)) {
    for my $path ('head', $at, 'root/1', 'none') {
        my $r = $t->request($method, "$base/$path", 'Content-Length' => 0);
        is $r->status, 405, "$method $path: 405";
        is $r->header('Allow'), 'GET, HEAD', '... Allow';
        is $r->header('Content-Type'), $PROBLEM, '... a problem';
    }
}

is $t->get("/closed/$_")->status, 403, "denied: /$_" for 'head', $at, 'root/1', 'none',
    "head?serial=$serial&wait=300";

# --- roots and trees

$t->mdsctl('keygen', "$dir/$_") for qw(anna headkey);
$t->mdsctl(qw(trust init), "$dir/root.json", '--root-key', "$dir/anna.pub", qw(--threshold 1),
    '--sign-key', "$dir/test.pub", '--head-key', "$dir/headkey.pub");
$t->mdsctl(qw(trust sign), "$dir/root.json", '--key', "$dir/anna.key");
$t->mdsctl(qw(trust publish), "$dir/root.json");
$t->mdsctl('head', '--head-key', "$dir/headkey.key");

$r = feed('root/1');
is $r->status, 200, 'root 1';
is $r->header('Content-Type'), $DSSE, '... an envelope';
is $r->json->{payload}, decode_json($t->read('root.json'))->{payload},
    '... with the bytes that were signed';
problem('root 2', feed('root/2'), 404);
is decode_json(decode_base64(feed('head')->json->{payload}))->{root}, 1, 'the head names root 1';

($tree) = map { m{([0-9a-f]{64})\z} } glob "$depot/feed/trees/*";
ok $tree, 'there is a tree';
$r = feed("trees/$tree");
is $r->status, 200, '... which is served';
is $r->header('ETag'), qq("$tree"), '... by its root';
is $r->header('Cache-Control'), $IMMUTABLE, '... immutable';
is $r->header('Repr-Digest'), undef, '... without a digest, since its name is not that of its bytes';
is feed("trees/$tree", Range => 'bytes=0-3')->status, 206, '... with ranges';

# --- a damaged head

$serial = serial_of(feed('head'));
my $good = $t->read("$depot/feed/head");
my $payload = sub { JSON::PP->new->canonical->encode({ payload => encode_base64($_[0], ''),
    payloadType => 'application/vnd.mds.feed+json', signatures => [] }) };
my $count = 0;
for my $case (['empty', ''], ['not JSON', "\0\1\2\xff" x 100], ['half', substr $good, 0, 100],
    ['no payload', '{"signatures":[]}'], ['a payload that is not base64', '{"payload":"***"}'],
    ['a payload without a serial', $payload->('{"version":1}')],
    ['a serial that is no number', $payload->('{"serial":"x"}')],
    ['a huge serial', $payload->('{"serial":99999999999999999999}')],
    ['too large', $good . ' ' x 70_000])
{
    my ($name, $text) = @$case;
    $t->write("$depot/feed/head.new", $text);
    rename "$depot/feed/head.new", "$depot/feed/head" or die "rename: $!";
    problem("a head that is damaged: $name", feed('head'), 503);
    like feed('head')->body, qr/head of the feed is damaged/, '... as it says';
    problem("... with a serial: $name", feed('head?serial=0&wait=300'), 503);
    my $said = () = $t->error_log =~ /\[error\].*feed\/head/g;
    is $said, ++$count, '... one line in the log';
    is feed($at)->status, 200, '... the files are served';
}
$t->write("$depot/feed/head.new", $good);
rename "$depot/feed/head.new", "$depot/feed/head" or die "rename: $!";
is feed('head')->body, $good, 'the head is good again';

# It is repaired while an edge waits.
unlink "$depot/feed/head";
$one = ask("$base/head?serial=1&wait=300");
settle();
ok !has_come($one), 'no head: who waits goes on';
$t->write("$depot/feed/head.new", $good);
rename "$depot/feed/head.new", "$depot/feed/head" or die "rename: $!";
is serial_of($t->rest_of($one)), $serial, '... until there is one';

$t->finish;
