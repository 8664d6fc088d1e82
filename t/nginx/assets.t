# Unpacked versions for browsers: deltas of files (RFC 9842), signed digests, and
# files that a page of another version wants.

use strict;
use warnings;

use Digest::SHA qw(sha256 sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../cli/lib";
use MDS;
use MIME::Base64 qw(decode_base64 encode_base64);
use Pack;
use Test::More;

my $t = MDS->new;
$t->depot;

srand 2;
my $common = join '', map { sprintf "export const v%d = %d;\n", $_, rand 1e9 } 1 .. 5_000;
my %hash = (1 => 'B3xk9_aQ', 2 => 'Zz81kLmN', 3 => 'q0W2e4R6');
my %files = map { my $v = $_; ($v => {
    'index.html' => qq(<script type="module" src="assets/app-$hash{$v}.js"></script>$v),
    "assets/app-$hash{$v}.js" => "// $v\n$common",
    'assets/same-11112222.js' => $common x 2,
    'plain.js' => "// plain $v\n$common",
    'logo.svg' => "<svg/>",
}) } 1 .. 3;
my $web = $t->dir . '/web';

sub publish {
    my ($v, $again) = @_;
    $t->write("web-$v.zip", Pack::zip(map { [ $_, $files{$v}{$_} ] } sort keys %{ $files{$v} }));
    $t->mdsctl('publish', $t->dir . "/web-$v.zip", qw(--app a --kind bundle --name web
        --deltas 0 --version), $v, '--unpack', $web);
    $t->mdsctl('release', 'a', "web-$v", qw(--kind bundle --name web --all --version), $v)
        if !$again;
}
publish(1);
publish(2);

$t->start(qq(
mds_depot %DEPOT%;
types { text/javascript js; text/html html; image/svg+xml svg; }
server {
    listen %LISTEN%;
    location /web/ { mds_attribute app a; mds_resource bundle web; alias $web/\$mds_version/; }
    location /spa/ {
        mds_attribute app a; mds_resource bundle web; alias $web/\$mds_version/;
        try_files \$uri /spa/index.html;
    }
    location /other/ {
        mds_attribute app a; mds_resource bundle web; alias $web/\$mds_version/;
        error_page 404 =200 \@other;
    }
    location \@other { return 200 other; }
    location /none/ { mds_attribute app a; mds_resource bundle web; return 200 none; }
}
));

sub app  { return "assets/app-$hash{$_[0]}.js" }
sub have { return ('Available-Dictionary', ':' . encode_base64(sha256($_[0]), '') . ':',
    'Accept-Encoding', 'gzip, dcz') }
my $key = decode_base64((split /\n/, $t->read('test.pub'))[1]);
my $public = encode_base64(substr($key, 10), '');

# Verifies as a browser does, by another implementation.
sub verifies {
    my ($r, $bytes) = @_;
    my $digest = 'sha-256=:' . encode_base64(sha256($bytes), '') . ':';
    return 'digest' if $r->header('Unencoded-Digest') ne $digest;
    my ($params) = $r->header('Signature-Input') =~ /^mds=(.*)$/ or return 'input';
    my ($signature) = $r->header('Signature') =~ /^mds=:(.*):$/ or return 'signature';
    return 'key' if $params ne qq{("unencoded-digest";sf);keyid="$public";tag="ed25519-integrity"};
    my $base = qq{"unencoded-digest";sf: $digest\n"\@signature-params": $params};
    my ($status, $out) = $t->run({}, 'python3', '-c', 'import sys, base64
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
k, s, b = sys.argv[1:]
Ed25519PublicKey.from_public_bytes(base64.b64decode(k)).verify(base64.b64decode(s), b.encode())',
        $public, $signature, $base);
    return $status == 0 ? 'verified' : 'wrong';
}

my $r = $t->get('/web/' . app(2));
is($r->body, $files{2}{ app(2) }, 'a file');
is($r->header('Cache-Control'), 'public, max-age=31536000, immutable', '... for ever, by its hash');
is($r->header('Use-As-Dictionary'), 'match="/web/assets/app-*.js"', '... for the next one');
is($r->header('Vary'), 'Accept-Encoding, Available-Dictionary', '... by what a browser has');
is($r->header('Content-Type'), 'text/javascript', '... its type');
is(verifies($r, $files{2}{ app(2) }), 'verified', '... signed');
$r = $t->get('/web/index.html');
is($r->header('Cache-Control'), 'private, no-cache', 'a page is asked for each time');
is($r->header('Use-As-Dictionary'), undef, '... and is no dictionary');
is(verifies($r, $files{2}{'index.html'}), 'verified', '... signed');
is(verifies($t->get('/web/'), $files{2}{'index.html'}), 'verified', '... by its directory');
is($t->head('/web/' . app(2))->header('Unencoded-Digest'),
    $t->get('/web/' . app(2))->header('Unencoded-Digest'), 'HEAD says the same');

# --- deltas

for my $case ([ app(2), app(1) ], [ 'plain.js', 'plain.js' ]) {
    my ($new, $old) = @$case;
    $r = $t->get("/web/$new", have($files{1}{$old}));
    is($r->header('Content-Encoding'), 'dcz', "$new: a delta");
    is($r->header('Content-Type'), 'text/javascript', '... of the type');
    cmp_ok(length $r->body, '<', 0.01 * length $files{2}{$new}, '... below 1 %');
    is(verifies($r, $files{2}{$new}), 'verified', '... with the signature of the file');
    $t->write('old', $files{1}{$old});
    $t->write('got.dcz', $r->body);
    $t->run({}, 'zstd', '-qdf', '--patch-from=' . $t->dir . '/old', $t->dir . '/got.dcz',
        '-o', $t->dir . '/got');
    is($t->read('got'), $files{2}{$new}, '... that zstd decodes');
}
$r = $t->get('/web/' . app(2), have('other'));
is($r->body, $files{2}{ app(2) }, 'no delta from another file');
is($r->header('Content-Encoding'), undef, '... nothing is coded');
# The index says which deltas there are: what else lies in the directory is not sent.
$t->write("$web/.mds/delta/" . sha256_hex($files{2}{ app(2) }) . '.' . sha256_hex('stray'),
    'not a delta of the index');
is($t->get('/web/' . app(2), have('stray'))->body, $files{2}{ app(2) },
    'no delta that the index does not name');
is($t->get('/web/' . app(2), (have($files{1}{ app(1) }))[0, 1])->header('Content-Encoding'),
    undef, 'nor without dcz');
is($t->get('/web/logo.svg', have($files{1}{ app(1) }))->body, '<svg/>', 'nor of another file');
is($t->request('POST', '/web/' . app(2), have($files{1}{ app(1) }))->status, 405, 'nor by POST');

# --- an error says nothing of the file: shared caches would keep it for ever

sub lines { my $r = $_[0]; return join ' ', grep { defined $r->header($_) } qw(Cache-Control
    Use-As-Dictionary Unencoded-Digest Signature Content-Encoding) }
for my $case ([ 'a file', app(2) ], [ 'one of the version before', app(1) ],
    [ 'a delta', app(2), have($files{1}{ app(1) }) ])
{
    my ($what, $path, @headers) = @$case;
    $r = $t->get("/web/$path", 'Range', 'bytes=99999999-', @headers);
    is($r->status, 416, "$what: no such range");
    is(lines($r), '', '... and no line of the file');
}
is(lines($t->get('/web/' . app(2), 'If-Match', '"x"')), '', 'another tag');
$r = $t->get('/web/' . app(2), 'Range', 'bytes=0-1');
is($r->status, 206, 'a range');
is(verifies($r, $files{2}{ app(2) }), 'verified', '... has the lines of the file');
$r = $t->get('/web/' . app(2), 'If-None-Match', $t->get('/web/' . app(2))->header('ETag'));
is($r->status, 304, 'not modified');
is($r->header('Cache-Control'), 'public, max-age=31536000, immutable', '... has them, too');
rename "$web/2/" . app(2), $t->dir . '/away' or die;
is(lines($t->get('/web/' . app(2))), '', 'a file that is missing');
$r = $t->get('/spa/' . app(2));
is($r->body, $files{2}{'index.html'}, '... where there is another page instead');
is($r->header('Cache-Control'), 'private, no-cache', '... has the line of that page');
is(verifies($r, $files{2}{'index.html'}), 'verified', '... and its signature');
is(lines($t->get('/other/' . app(2))), '', '... or what another location says');
rename $t->dir . '/away', "$web/2/" . app(2) or die;

# --- a page that is open

$r = $t->get('/web/' . app(1));
is($r->status, 200, 'a file of the version before');
is($r->body, $files{1}{ app(1) }, '... its bytes');
is(verifies($r, $files{1}{ app(1) }), 'verified', '... signed');
is($r->header('Cache-Control'), 'public, max-age=31536000, immutable', '... for ever');
is($r->header('Content-Type'), 'text/javascript', '... its type');
is($t->get("/web/$_")->status, 404, "404: $_")
    for 'assets/app-00000000.js', 'none.js', '.mds/kept.index',
    '..%2f.mds/kept.index';

publish(3);
is($t->get('/web/' . app($_))->body, $files{$_}{ app($_) }, "version $_ is there") for 1 .. 3;
is($t->get('/web/' . app(3), have($files{$_}{ app($_) }))->header('Content-Encoding'), 'dcz',
    "... with a delta from version $_") for 1, 2;
$t->mdsctl(qw(pause a web-3));
is($t->get('/web/' . app(3))->body, $files{3}{ app(3) }, 'paused: open pages go on');
is($t->get('/web/index.html')->body, $files{2}{'index.html'}, '... new ones get the version before');
$t->mdsctl(qw(resume a web-3));

# --- removed versions

sub delta {
    my ($to, $from) = @_;
    return "$web/.mds/delta/" . join '.', map { sha256_hex($files{$_}{ app($_) }) } $to, $from;
}
my ($stray) = glob "$web/.mds/delta/*." . sha256_hex('stray');
utime 0, 0, glob "$web/.mds/delta/*";
$t->write(my $young = "$web/.mds/delta/" . '0' x 64 . '.' . '1' x 64, 'of a publish that goes on');
ok(-e, 'a file of .mds') for delta(2, 1), delta(3, 1), $stray, "$web/.mds/1.index";
system 'rm', '-rf', "$web/1" and die;
is($t->get('/web/' . app(1))->status, 200, 'a version that is removed');
publish(3, 'again');
ok($t->wait_for(sub { $t->get('/web/' . app(1))->status == 404 }),
    '... is gone with the next publish');
ok(!-e, '... with its index and the deltas that no other index names')
    for delta(3, 1), $stray, "$web/.mds/1.index";
ok(-e, '... not others') for delta(2, 1), delta(3, 2), $young, "$web/.mds/2.index";

# --- other locations

is($t->get('/spa/' . app(3))->header('Unencoded-Digest') ne '', 1, 'beside try_files');
is($t->get('/spa/some/route')->body, $files{3}{'index.html'}, '... which has its fallback');
is($t->get('/none/' . app(3))->body, 'none', 'not where nginx answers otherwise');

$t->write("$web/.mds/3.index", 'mdsaset1 and more');
$t->allow(qr/is not an index of files/);
ok($t->wait_for(sub { !defined $t->get('/web/index.html')->header('Unencoded-Digest') }),
    'an index that is damaged is left');
is($t->get('/web/index.html')->body, $files{3}{'index.html'}, 'a damaged index: the file alone');

$t->finish;
