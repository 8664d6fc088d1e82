# A real Chromium installs and updates a packed extension by the recipe of
# docs/clients.md, at 0 and 100 percent, and refuses one of another key.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use Recipe;
use Browser;
use Test::More;

plan skip_all => 'chromium is not installed' if system('command -v chromium > /dev/null') != 0;

my $t = Recipe->new('Chromium extensions', before => <<'END');
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out shop.pem
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out other.pem
openssl pkey -in shop.pem -pubout -outform DER | sha256sum | head -c 32 | tr 0-9a-f a-p > id
pack() {
    mkdir "$1"
    printf '{"manifest_version":3,"name":"Shop","version":"%s","update_url":"%s"}' \
        "$3" "$EDGE/extensions/$(cat id).xml" > "$1/manifest.json"
    HOME=$PWD chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage \
        --user-data-dir="$PWD/pack" --pack-extension="$PWD/$1" --pack-extension-key="$PWD/$2"
    test -s "$1.crx"
}
pack shop-1.0 shop.pem 1.0
pack shop-1.1 shop.pem 1.1
pack shop-1.2 other.pem 1.2
END
my $id = $t->read('id');

# What a browser at that address is answered: a version, "noupdate", or a status.
sub answer {
    my ($address, $query) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->port,
        LocalAddr => $address) or die "socket: $!";
    print $socket "GET /extensions/$id.xml?$query HTTP/1.0\r\nHost: a\r\n\r\n";
    local $/;
    my $all = <$socket>;
    my ($status) = $all =~ m{^HTTP/1\.1 (\d+)};
    return $status if $status != 200;
    return $all =~ /status="ok" version="([0-9.]+)"/ ? $1 : $all =~ /status="(\w+)"/ ? $1 : $all;
}

sub x { "os=linux&x=id%3D$id%26v%3D$_[0]%26installsource%3Dnotfromwebstore%26uc" }

my ($in, $out);
for my $i (2 .. 40) {
    (answer("127.0.0.$i", x('1.0')) eq '1.1' ? $in : $out) //= "127.0.0.$i";
}
ok(defined $in && defined $out, 'at 30 percent some are in, and some are not');
is(answer($in, x('1.1')), 'noupdate', 'who has it has nothing to do');
is(answer($out, x('1.0')), 'noupdate', '... nor has who is not in');
is(answer($out, x('0.0.0.0')), '1.0', 'nothing installed: the version for all');
is(answer($out, x('1.0') . '&' . x('0.1')), 'noupdate', 'the first of several counts');
is(answer($out, $_), 400, "400: $_") for '', 'x=', 'x=v%3D1.0', "x=$id";
is(answer($out, 'x=' . 'a' x 3000), 400, '400: long');
is(answer($out, "x=id%3D$id%26v%3D1..1"), 400, '400: not a version');

$t->mdsctl(qw(promote com.example.extensions shop-1.1 --percent 0));
is(answer($in, x('1.0')), 'noupdate', '0 percent: nobody');

# --- the browser

my $profile = $t->dir . '/chromium';
mkdir $_ or die "$_: $!" for $profile, "$profile/External Extensions";
$t->write("$profile/External Extensions/$id.json",
    qq({"external_update_url":"@{[ $t->url("/extensions/$id.xml") ]}"}));
my $browser = Browser->new(dir => $t->dir, extensions => 1);
$browser->open('chrome://extensions');

sub is_installed { return -e "$profile/Default/Extensions/$id/$_[0]_0/manifest.json" }

sub update {
    $browser->value('new Promise(done => chrome.developerPrivate.autoUpdate(() => done(1)))');
}

sub version {
    return $browser->value("new Promise(done => chrome.developerPrivate.getExtensionInfo('$id',"
        . ' e => done(e ? e.version : "none")))');
}

ok($t->wait_for(sub { is_installed('1.0') }), 'Chromium installs the version for all');
update();
is(version(), '1.0', '... and has no newer one at 0 percent');
$t->mdsctl(qw(promote com.example.extensions shop-1.1 --percent 100));
is(answer($out, x('1.0')), '1.1', '100 percent: everybody');
$t->mdsctl(qw(pause com.example.extensions shop-1.1));
is(answer($out, x('1.0')), 'noupdate', 'paused: nobody');
update();
is(version(), '1.0', '... nor Chromium');
$t->mdsctl(qw(resume com.example.extensions shop-1.1));
update();
ok($t->wait_for(sub { version() eq '1.1' }), 'Chromium updates the extension');

$t->mdsctl('publish', $t->dir . '/shop-1.2.crx', qw(--app com.example.extensions --kind
    extension --version 1.2 --name), $id);
$t->mdsctl(qw(release com.example.extensions shop-1.2 --kind extension --version 1.2 --all
    --name), $id);
is(answer($in, x('1.1')), '1.2', 'a file of another key is offered');
update();
is(version(), '1.1', '... and Chromium refuses it');

$t->finish;
