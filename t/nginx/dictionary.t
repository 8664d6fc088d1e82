# Deltas for browsers (RFC 9842): a file that a client has is named by its
# digest, and only the delta from exactly that file is sent.

use strict;
use warnings;

use Digest::SHA qw(sha256 sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use MIME::Base64 qw(encode_base64);
use Test::More;

my $t = MDS->new;
$t->depot;

my %bytes;
srand 1;
my $common = join '', map { sprintf "var v%d = %d;\n", $_, rand 1e9 } 1 .. 5_000;
for my $version (1, 2) {
    $bytes{$version} = "// version $version\n$common// end of $version\n";
    $t->write("app-$version.js", $bytes{$version});
    $t->mdsctl('publish', $t->dir . "/app-$version.js", qw(--app a --kind bundle --name web
        --version), $version);
    $t->mdsctl(qw(release a), "web-$version", qw(--kind bundle --name web --version), $version,
        '--all');
}
$t->start(q(
mds_depot %DEPOT%;
types { text/javascript js; application/wasm wasm; text/html html; }
default_type application/x-unknown;
server {
    listen %LISTEN%;
    location = /mds/v1/check { mds_check; }
    location /mds/v1/files/ { mds_files; }
    location /gzip/ { mds_files; gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any; }
}
));

my ($old, $new) = map { sha256_hex($bytes{$_}) } 1, 2;
my $delta = $t->get('/mds/v1/check?app=a&kind=bundle&name=web&version=1')->json->{delta};
is($delta->{from_sha256}, $old, 'there is a delta');

sub digest { return 'sha-256=:' . encode_base64($_[0], '') . ':' }
sub have   { return ('Available-Dictionary', ':' . encode_base64(sha256($_[0]), '') . ':') }
my @dcz = ('Accept-Encoding', 'gzip, br, zstd, dcb, dcz');

# --- a file, and its label

my $r = $t->get("/mds/v1/files/$new/app.js");
is($r->status, 200, 'a file by a label');
is($r->body, $bytes{2}, '... its bytes');
is($r->header('Content-Type'), 'text/javascript', '... the type of the extension');
is($r->header('Cache-Control'), 'public, max-age=31536000, immutable', '... for ever');
is($r->header('Use-As-Dictionary'), 'match="/mds/v1/files/*/app.js"', '... a dictionary');
is($r->header('Vary'), 'Accept-Encoding, Available-Dictionary', '... by what a client has');
is($r->header('Unencoded-Digest'), digest(sha256($bytes{2})), '... its digest');
is($r->header('Repr-Digest'), digest(sha256($bytes{2})), '... which is that of the bytes');
is($t->get("/mds/v1/files/$new/a.wasm")->header('Content-Type'), 'application/wasm', 'wasm');
is($t->get("/mds/v1/files/$new/a.unknown")->header('Content-Type'), 'application/x-unknown',
    'an unknown type');
$r = $t->get("/mds/v1/files/$new");
is($r->header('Content-Type'), 'application/octet-stream', 'no label: bytes');
is($r->header('Use-As-Dictionary'), undef, '... no dictionary');
is($t->get("/mds/v1/files/$new/%22x.js")->header('Use-As-Dictionary'), undef,
    'a label that would have to be escaped is no dictionary');
is($t->get("/mds/v1/files/$new$_")->status, 404, "$_: 404") for '/', '/a/b', '.x', 'a';
is($t->get("/mds/v1/files/$new.minisig/x")->status, 404, 'a signature has no label');

# --- the delta

for my $path ("files/$new/app.js", "files/$new") {
    $r = $t->get("/mds/v1/$path", @dcz, have($bytes{1}));
    is($r->status, 200, "$path: with the old file");
    is($r->header('Content-Encoding'), 'dcz', '... a delta');
    is(sha256_hex($r->body), $delta->{sha256}, '... that of the catalog');
    is($r->header('Content-Length'), $delta->{size}, '... its length');
    is($r->header('Repr-Digest'), digest(sha256($r->body)), '... the digest of the coded bytes');
    is($r->header('Unencoded-Digest'), digest(sha256($bytes{2})), '... and that of the file');
    is($r->header('ETag'), qq("$delta->{sha256}"), '... a tag of its own');
    is($r->header('Vary'), 'Accept-Encoding, Available-Dictionary', '... by what a client has');
}
is($t->get("/mds/v1/files/$new/app.js", @dcz, have($bytes{1}))->header('Content-Type'),
    'text/javascript', 'a delta has the type of the file');
$t->write('got.dcz', $r->body);
my ($status) = $t->run({}, 'zstd', '-qdf', "--patch-from=" . $t->dir . '/app-1.js',
    $t->dir . '/got.dcz', '-o', $t->dir . '/got');
is($t->read('got'), $bytes{2}, 'zstd decodes it');
cmp_ok($delta->{size}, '<', 0.01 * length $bytes{2}, 'it is below 1 % of the file');

my $h = $t->head("/mds/v1/files/$new", @dcz, have($bytes{1}));
is($h->header('Content-Length'), $delta->{size}, 'HEAD says the same');
is($t->get("/mds/v1/files/$new", @dcz, have($bytes{1}), 'If-None-Match', qq("$delta->{sha256}"))
    ->status, 304, 'it is validated');
is($t->get("/mds/v1/files/$new", @dcz, have($bytes{1}), 'Range', 'bytes=0-7')->body,
    "\x5e\x2a\x4d\x18\x20\0\0\0", 'a range of it');
$r = $t->get("/mds/v1/files/$new/a.js", @dcz, have($bytes{1}), 'Range', 'bytes=99999999-');
is($r->status, 416, 'no such range');
is($r->header($_), undef, "... and no $_") for qw(Content-Encoding Unencoded-Digest
    Use-As-Dictionary Repr-Digest Cache-Control);
$r = $t->get("/gzip/$new", @dcz, have($bytes{1}));
is($r->header('Content-Encoding'), 'dcz', 'gzip leaves it');
is($r->header('Repr-Digest'), digest(sha256($r->body)), '... and its digest');

# --- the file instead

my ($right) = (have($bytes{1}))[1];
for my $case (
    [ 'another file',       @dcz, have('other') ],
    [ 'the same file',      @dcz, have($bytes{2}) ],
    [ 'no dcz',             'Accept-Encoding', 'gzip, zstd', have($bytes{1}) ],
    [ 'dcz;q=0',            'Accept-Encoding', 'zstd, dcz;q=0.000', have($bytes{1}) ],
    [ 'no Accept-Encoding', have($bytes{1}) ],
    [ 'no dictionary',      @dcz ],
    [ 'not base64',         @dcz, 'Available-Dictionary', ':?' . substr($right, 2) ],
    [ 'no colons',          @dcz, 'Available-Dictionary', $right =~ tr/://dr ],
    [ 'too short',          @dcz, 'Available-Dictionary', ':AAAA:' ],
    [ 'nothing',            @dcz, 'Available-Dictionary', '' ],
) {
    my ($what, @headers) = @$case;
    $r = $t->get("/mds/v1/files/$new", @headers);
    is($r->header('Content-Encoding'), undef, "$what: the file");
    is($r->body, $bytes{2}, '... its bytes');
}
is($t->get("/mds/v1/files/$old", @dcz, have($bytes{2}))->body, $bytes{1}, 'not backwards');
is($t->get("/mds/v1/files/$new", 'Accept-Encoding', 'gzip, DCZ ;q=0.5', have($bytes{1}))
    ->header('Content-Encoding'), 'dcz', 'in upper case, with a weight');

rename $t->depot_dir . "/files/$delta->{sha256}", $t->dir . '/away' or die;
is($t->get("/mds/v1/files/$new", @dcz, have($bytes{1}))->body, $bytes{2},
    'a delta that is missing: the file');
rename $t->dir . '/away', $t->depot_dir . "/files/$delta->{sha256}" or die;

# --- it stays, whatever else changes

$t->mdsctl('publish', $t->dir . '/app-1.js', qw(--app b --new-app --kind bundle --name web --version 1));
$t->mdsctl(qw(pause a web-2));
is($t->get("/mds/v1/files/$new", @dcz, have($bytes{1}))->header('Content-Encoding'), 'dcz',
    'after other changes');
$t->mdsctl('verify');

# --- until one of its packages is removed

sub encoding { return $t->get("/mds/v1/files/$new", @dcz, have($bytes{1}))
    ->header('Content-Encoding') }
$t->mdsctl(qw(release b web-1 --kind bundle --name web --version 1 --all));
$t->mdsctl(qw(end a web-1));
$t->mdsctl(qw(remove release a web-1));
$t->mdsctl(qw(remove package a --kind bundle --name web --version 1));
is(encoding(), 'dcz', 'another app has the package');
$t->mdsctl(qw(end b web-1));
$t->mdsctl(qw(remove app b));
is(encoding(), undef, 'no app has it');
ok(-e $t->depot_dir . "/files/$delta->{sha256}", '... although gc has not removed the delta');

$t->finish;
