# A real bundle, from the npm registry, in a real browser: after promote, the
# second load costs below 1 % of the bytes; a page that is open goes on; and a
# file that was tampered with is blocked.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib map { "$FindBin::Bin/$_" } qw(lib ../cli/lib ../nginx/lib);
use Browser;
use MIME::Base64 qw(decode_base64 encode_base64);
use Pack;
use Recipe;
use Test::More;

my ($modules, $why) = Recipe::npm();
plan skip_all => $why if !defined $modules;

my $t = MDS->new;
my $b = Browser->new(dir => $t->dir);
plan skip_all => 'chromium is not installed' if !defined $b;

$t->depot;
my $web = $t->dir . '/web';
my $key = encode_base64(substr(decode_base64((split /\n/, $t->read('test.pub'))[1]), 10), '');

# Publishes a page as a bundler makes it: names with a hash of the bytes.
sub publish {
    my ($version, $package) = @_;
    my $three = $t->read("$modules/$package/build/three.module.min.js");
    die "no $package" if $three eq '';
    my %files;
    my $add = sub {
        my ($name, $bytes) = @_;
        my $path = "$name-" . substr(sha256_hex($bytes), 0, 12) . '.js';
        $files{"assets/$path"} = $bytes;
        return $path;
    };
    my $lazy = $add->('lazy', "export const said = 'lazy $version';\n");
    my $path = $add->('three', $three);
    my $main = $add->('main', <<"EOS");
import * as THREE from './$path';
window.loaded = 'three ' + THREE.REVISION + ', version $version';
window.later = () => import('./$lazy').then(m => m.said);
EOS
    $files{'index.html'} = "<!doctype html><script type=module src='assets/$main'"
        . " integrity='ed25519-$key'></script>\n";
    $t->write("web-$version.zip", Pack::zip(map { [ $_, $files{$_} ] } sort keys %files));
    $t->mdsctl('publish', $t->dir . "/web-$version.zip", qw(--app a --kind bundle --name web
        --store --version), $version, '--unpack', $web);
    return { main => "assets/$main", bytes => eval { my $n = 0; $n += length for values %files; $n } };
}

my $one = publish(1, 'three-before');
$t->mdsctl(qw(release a one --kind bundle --name web --version 1 --all));
$t->start(qq(
mds_depot %DEPOT%;
types { text/html html; text/javascript js; }
server {
    listen %LISTEN%;
    location /web/ { mds_attribute app a; mds_resource bundle web; alias $web/\$mds_version/; }
}
));

# The bytes of all bodies of the page, as they came.
my $bytes = q{performance.getEntriesByType('resource')
    .concat(performance.getEntriesByType('navigation'))
    .filter(e => e.transferSize > 0).reduce((n, e) => n + e.encodedBodySize, 0)};

$b->open($t->url('/web/'));
like($b->wait_for('window.loaded'), qr/version 1$/, 'the first load, with its signature');
my $full = $b->value($bytes);
cmp_ok($full, '>', 600_000, "... costs $full bytes");

my $two = publish(2, 'three');
$t->mdsctl(qw(release a two --kind bundle --name web --version 2 --percent 0));
$t->mdsctl(qw(promote a two --all));
is($b->value('window.later()'), 'lazy 1', 'after promote, the page that is open goes on');

$b->open($t->url('/web/?again'));
like($b->wait_for('window.loaded'), qr/version 2$/, 'the second load');
my $second = $b->value($bytes);
cmp_ok($second, '<', 0.01 * $full, "... costs $second bytes: below 1 %");
is($b->value('window.later()'), 'lazy 2', '... and goes on');
is_deeply([ grep { /integrity|digest|signature/i } $b->errors ], [], 'nothing is blocked');

# --- tampering

my $path = "$web/2/$two->{main}";
my $text = $t->read($path);
chmod 0644, $path;
open my $file, '+<:raw', $path or die "$path: $!";
print $file $text =~ s/version 2/version X/r;
close $file;
$b = undef;
mkdir $t->dir . '/other';
$b = Browser->new(dir => $t->dir . '/other');
$b->open($t->url('/web/?tampered'));
is($b->value('window.loaded'), undef, 'a file that was tampered with is blocked');
ok((grep { /integrity|digest/i } $b->errors), '... as the console says')
    or diag join "\n", $b->errors;
$b = undef;

$t->finish;
