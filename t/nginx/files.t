# Files: streamed with ranges, conditions and digests; and nothing else of
# the depot, or of the machine, comes out.

use strict;
use warnings;

use Digest::SHA qw(sha256 sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use MIME::Base64 qw(encode_base64);
use POSIX qw(mkfifo);
use Test::More;

my $t = MDS->new;
$t->depot;

my $content = join '', map { chr(($_ * 7 + ($_ >> 8)) & 255) } 0 .. 299_999;
my $sha     = sha256_hex($content);
my $file    = $t->write('app.bin', $content);

$t->mdsctl('apply', $t->document({
    app      => 'a',
    packages => [ { kind => 'upgrade', platform => 'android', version => '1.0',
                    file => 'app.bin' } ],
}));

$t->start(<<'EOF2');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location /mds/v1/files/ { mds_files; }
    location /cached/ { mds_files; open_file_cache max=10; sendfile on; }
    location /limited/ { mds_files; limit_except GET { deny all; } }
    location /open/ { mds_files; limit_except PUT { allow all; } }
    location /if/ { mds_files; if ($http_x_if) { add_header X-If yes; } }
}
EOF2

my $files = $t->depot_dir . '/files';
my $url   = "/mds/v1/files/$sha";

# The whole file.
for my $at ($url, "/cached/$sha", "/cached/$sha", "/limited/$sha") {
    my $r = $t->get($at);
    is($r->status, 200, "$at: 200");
    ok($r->body eq $content, '... the bytes');
    is($r->header('Content-Length'), length $content, '... their number');
    is($r->header('ETag'), qq("$sha"), '... ETag');
    is($r->header('Content-Type'), 'application/octet-stream', '... type');
    is($r->header('Cache-Control'), 'public, max-age=31536000, immutable',
        '... to be kept for ever');
    is($r->header('Repr-Digest'),
        'sha-256=:' . encode_base64(sha256($content), '') . ':', '... digest');
    is($r->header('Accept-Ranges'), 'bytes', '... ranges are offered');
    ok($r->header('Last-Modified'), '... Last-Modified');
}

# Methods that are not limited, and those that are.
for my $limit ('limited', 'open') {
    my ($get, $post) = ($t->get("/$limit/$sha"), $t->request('POST', "/$limit/$sha"));
    is($get->status, 200, "limit_except, $limit: GET");
    is($post->status, $limit eq 'open' ? 405 : 403, '... POST');
}

# A block that nginx makes a configuration of its own.
my $if = $t->get("/if/$sha", 'X-If', 'yes');
is($if->status . $if->header('X-If'), '200yes', 'if: served by its location');

my $head = $t->head($url);
is($head->status, 200, 'HEAD: 200');
is($head->body, '', '... no body');
is($head->header('Content-Length'), length $content, '... its length');
is($head->header('ETag'), qq("$sha"), '... ETag');

# Ranges.
my @ranges = (
    [ 'bytes=0-0',             0,       1 ],
    [ 'bytes=100-299',         100,     200 ],
    [ 'bytes=299990-',         299_990, 10 ],
    [ 'bytes=-7',              299_993, 7 ],
    [ 'bytes=299999-99999999', 299_999, 1 ],
);

for my $case (@ranges) {
    my ($range, $from, $length) = @$case;
    my $r = $t->get($url, Range => $range);
    is($r->status, 206, "$range: 206");
    ok($r->body eq substr($content, $from, $length), '... the bytes');
    is($r->header('Content-Range'),
        sprintf('bytes %d-%d/300000', $from, $from + $length - 1), '... which');
    is($r->header('ETag'), qq("$sha"), '... ETag');
}

my $r = $t->get($url, Range => 'bytes=0-3,100-103,-2');
is($r->status, 206, 'three ranges: 206');
like($r->header('Content-Type'), qr{^multipart/byteranges; boundary=},
    '... in parts');
my ($boundary) = $r->header('Content-Type') =~ /boundary=(\S+)/;
my @parts = split /(?:\r\n)?--\Q$boundary\E(?:--)?\r\n/, $r->body;
shift @parts;
is(scalar @parts, 3, '... three');
for my $want ([ 0, 4 ], [ 100, 4 ], [ 299_998, 2 ]) {
    my (undef, $body) = split /\r\n\r\n/, shift @parts, 2;
    ok($body eq substr($content, $want->[0], $want->[1]), '... the bytes');
}

is($t->get($url, Range => 'bytes=300000-')->status, 416, 'past the end: 416');
is($t->get($url, Range => 'lines=1-2')->status, 200, 'another unit: all of it');

# Conditions.
is($t->get($url, 'If-None-Match' => qq("$sha"))->status, 304, 'known: 304');
is($t->get($url, 'If-None-Match' => qq("x", "$sha"))->status, 304, '... in a list');
is($t->get($url, 'If-None-Match' => '*')->status, 304, '... any');
is($t->get($url, 'If-None-Match' => '"x"')->status, 200, 'not known: 200');
is($t->get($url, 'If-Match' => '"x"')->status, 412, 'If-Match fails: 412');
is($t->get($url, 'If-Match' => qq("$sha"))->status, 200, 'If-Match holds');
is($t->get($url, 'If-Modified-Since' => $head->header('Last-Modified'))->status,
    304, 'not modified since: 304');
is($t->get($url, Range => 'bytes=0-3', 'If-Range' => qq("$sha"))->status, 206,
    'If-Range holds: 206');
is($t->get($url, Range => 'bytes=0-3', 'If-Range' => '"x"')->status, 200,
    'If-Range fails: all of it');

# The signature.
$r = $t->get("$url.minisig");
is($r->status, 200, 'signature: 200');
like($r->body, qr/^untrusted comment: /, '... is one of minisign');
is($r->header('Content-Type'), 'text/plain', '... type');
is($r->header('Repr-Digest'), undef, '... no digest');
is($r->header('Cache-Control'), 'no-cache', '... may change');
is($t->get("$url.minisig", 'If-None-Match' => $r->header('ETag'))->status, 304,
    '... but has not');

SKIP: {
    skip 'no minisign', 1 if !grep { -x "$_/minisign" } split /:/, $ENV{PATH};
    my ($status, $out, $err) = $t->run({}, 'minisign', '-V', '-p',
        "$t->{dir}/test.pub", '-m', $file, '-x',
        $t->write('app.minisig', $r->body));
    is($status, 0, '... that minisign takes') or diag("$out$err");
}

# One signature for each key: it is asked for by the key's id.
my $keyid = '0123456789ABCDEF';
$t->write("$files/$sha.$keyid.minisig", 'by that key');
$r = $t->get("$url.$keyid.minisig");
is($r->status, 200, 'signature of a key: 200');
is($r->body, 'by that key', '... that one');
is($r->header('Content-Type'), 'text/plain', '... type');
is($r->header('Cache-Control'), 'no-cache', '... may change');
is($t->get("$url.FEDCBA9876543210.minisig")->status, 404,
    'signature of another key: 404');

# An empty file.
my $empty = sha256_hex('');
$t->write("$files/$empty", '');
$r = $t->get("/mds/v1/files/$empty");
is($r->status, 200, 'empty: 200');
is($r->header('Content-Length'), 0, '... no bytes');

# What is not a file of the depot, or is no name of one.
my $secret = 'top secret';
$t->write('depot/secret', $secret);
symlink "$t->{dir}/depot/secret", "$files/" . 'b' x 64 or die "symlink: $!";
symlink $sha, "$files/" . 'c' x 64 or die "symlink: $!";
mkdir "$files/" . 'd' x 64 or die "mkdir: $!";
mkfifo("$files/" . 'e' x 64, 0644) or die "mkfifo: $!";
$t->write("$files/plain", $secret);
$t->write("$files/$sha.other", $secret);

my $upper = uc $sha;
$t->write("$files/$_", $secret) for $upper, "$sha.MINISIG", 'a' x 63, 'a' x 65;
(my $slash = $sha) =~ s/^(..)/$1%2f/;
my @no_keyid = map { "$sha.$_.minisig" } lc $keyid, "0$keyid",
    substr($keyid, 1), "G$keyid" =~ s/.$//r, "$keyid.$keyid", "$keyid.";
$t->write("$files/$_", $secret) for @no_keyid;

my @nothing = (
    @no_keyid, "$sha.$keyid", "$sha.$keyid.minisig/", "${sha}x$keyid.minisig",
    '',           'a' x 63,         '0' x 64,          'a' x 65,
    'b' x 64,     'c' x 64,         'd' x 64,          'd' x 64 . '/',
    'e' x 64,     'plain',          'g' x 64,          $upper,
    "$sha/",      "$sha/x/y",       "$sha%00",         "$sha%00.minisig",
    "$sha.other", "$sha.minisig/",  "$sha.minisig.x",  "$sha.MINISIG",
    "$sha.",      "$sha%20",        "x/$sha",          "files/$sha",
    "%20$sha",    $slash,           "$sha%2f",         "x%2f..%2f..%2f$sha",
    '../secret',  '%2e%2e/secret',  '..%2fsecret',     '%2e%2e%2fsecret',
    '../../secret', '....//secret', '..%5csecret',     '%252e%252e%252fsecret',
    '../journal', '../CURRENT',     '../../../../../../../../etc/passwd',
    '..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd',
    '.',          '..',             '.tmp-x',          "$sha;x",
);

for my $name (@nothing) {
    my $r = $t->get("/mds/v1/files/$name");
    like($r->status, qr/^40[04]$/, 'nothing: ' . substr $name, 0, 50);
    unlike($r->body, qr/$secret|root:/, '... of another file');
}

is($t->get("/mds/v1/files/$sha?x=y")->status, 200, 'a query is ignored');

$r = $t->get('/mds/v1/files/' . 'a' x 64);
is($r->status, 404, 'no such file: 404');
is($r->header('Content-Type'), 'application/problem+json', '... a problem');
is($r->json->{status}, 404, '... with its status');
is($r->header('Cache-Control'), 'no-store', '... not to be kept');
is($t->head('/mds/v1/files/' . 'a' x 64)->body, '', '... HEAD without a body');

# Methods.
for my $method (qw(POST PUT DELETE OPTIONS)) {
    $r = $t->request($method, $url, 'Content-Length', 0);
    is($r->status, 405, "405: $method");
    is($r->header('Allow'), 'GET, HEAD', '... says which are');
    is($t->request($method, "/limited/$sha", 'Content-Length', 0)->status, 403,
        '... limit_except before it');
}

# A file that the workers may not read is the edge's trouble: 503, logged.
SKIP: {
    skip 'not root', 3 if $> != 0;
    my $hidden = 'f' x 64;
    $t->write("$files/$hidden", $secret);
    chmod 0600, "$files/$hidden";
    $r = $t->get("/mds/v1/files/$hidden");
    is($r->status, 503, 'not readable: 503');
    unlike($r->body, qr/ermission/, '... which is nobody else\'s business');
    like($t->error_log, qr/\[error\].*Permission denied.*$hidden/,
        '... but the log\'s');
}

# A long file while the client reads slowly, and one that leaves.
my $socket = $t->connect;
print $socket "GET $url HTTP/1.1\r\nHost: h\r\n\r\n";
$socket->sysread(my $some, 1000);
close $socket;
is($t->get($url)->status, 200, 'a client that leaves does no harm');

$t->finish;
