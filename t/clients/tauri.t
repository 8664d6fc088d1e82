# Tauri's dynamic server, by the recipe of docs/clients.md. The updater is a Rust
# library of the app: its answer is read here as its documentation says, and stock
# minisign judges the signature.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MIME::Base64;
use Recipe;
use Test::More;

my %file = map { ("Shop_${_}_amd64.AppImage" => "$_ " . 'x' x 50_000) }
    '1.0.0', '1.1.0';
my $t = Recipe->new('Tauri', files => \%file);

# The members that the updater requires, a version that is semver, and a signature
# that the public key of the app accepts. Returns the version, or 204.
sub client {
    my ($device, $have, $arch) = @_;
    my $r = $t->get("/tauri/linux/" . ($arch // 'x86_64') . "/$have",
        'X-Device' => $device);
    return $r->status if $r->status != 200;

    my $offer = $r->json;
    like($offer->{version}, qr/^\d+\.\d+\.\d+$/, 'semver');
    my ($path) = $offer->{url} =~ m{^http://[^/]+(/.*)$};
    $t->write('got', $t->get($path)->body);
    $t->write('got.minisig', decode_base64($offer->{signature}));
    return 'refused' if ($t->run({}, qw(minisign -qVm), $t->dir . '/got', '-p',
        $t->dir . '/test.pub'))[0] != 0;
    my ($comment) = $t->read('got.minisig') =~ /^trusted comment: (.*)$/m;
    is_deeply([ grep { /^version:/ } split /\t/, $comment ], ["version:$offer->{version}"],
        'the signature is for this version');
    is($t->read('got'), $file{"Shop_$offer->{version}_amd64.AppImage"}, 'the file');
    is($offer->{notes}, $offer->{version} eq '1.1.0' ? 'Faster: "really"' : '',
        'notes');
    return $offer->{version};
}

plan skip_all => 'minisign is not installed'
    if system('command -v minisign > /dev/null') != 0;

my ($in, $out);
for my $i (1 .. 30) {
    my $got = $t->get('/tauri/linux/x86_64/1.0.0', 'X-Device' => "d$i")->status;
    ($got == 200 ? $in : $out) //= "d$i";
}
ok(defined $in && defined $out, 'at 30 percent some are in, and some are not');
is(client($in, '1.0.0'), '1.1.0', 'who is in gets the new version');
is(client($in, '1.1.0'), 204, '... and has nothing to do then');
is(client($out, '1.0.0'), 204, 'who is not in has nothing to do');
is(client($out, '0.9.0'), '1.0.0', '... but with an older version');
is(client($in, '1.0.0', 'aarch64'), 204, 'another processor');
is(client($in, 'latest'), 400, 'not a version');

$t->mdsctl(qw(promote com.example.tauri linux-1.1.0 --percent 0));
is(client($in, '1.0.0'), 204, '0 percent: nobody');
$t->mdsctl(qw(promote com.example.tauri linux-1.1.0 --percent 100));
is(client($out, '1.0.0'), '1.1.0', '100 percent: everybody');
$t->mdsctl(qw(pause com.example.tauri linux-1.1.0));
is(client($out, '1.0.0'), 204, 'paused: nobody');
$t->mdsctl(qw(resume com.example.tauri linux-1.1.0));

# --- a static endpoint

my $latest = '/tauri-latest/linux-x86_64.json';
my $offer = $t->get($latest, 'X-Device' => $in)->json;
is($offer->{version}, '1.1.0', 'static: the version for the device');
is_deeply($offer->{platforms}{'linux-x86_64'},
    { map { ($_ => $t->get('/tauri/linux/x86_64/1.0.0', 'X-Device' => $in)->json->{$_}) }
        qw(url signature) }, '... with the same file and signature');
$t->mdsctl(qw(pause com.example.tauri linux-1.1.0));
is($t->get($latest, 'X-Device' => $in)->json->{version}, '1.0.0', '... paused');
$t->mdsctl(qw(resume com.example.tauri linux-1.1.0));
is($t->get("/tauri-latest/$_")->status, 404, "404: $_")
    for 'linux', 'windows-x86_64.json', 'linux-aarch64.json/x';

my ($sha) = $t->get('/tauri/linux/x86_64/1.0.0', 'X-Device' => $in)->json->{url}
    =~ m{/([0-9a-f]{64})$};
chmod 0644, $t->depot_dir . "/files/$sha" or die $!;
$t->write("depot/files/$sha", 'another file');
is(client($in, '1.0.0'), 'refused', 'a file that is not the signed one: refused');

$t->finish;
