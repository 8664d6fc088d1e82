# Feeds of Sparkle, Squirrel and Velopack by the recipes of docs/clients.md. These
# clients run on other systems: parsers of XML and JSON, the digests, and OpenSSL
# judge the answers.

use strict;
use warnings;

use Digest::SHA qw(sha1_hex sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use MIME::Base64;
use Recipe;
use Test::More;

my $t;

# The version in a feed as that device gets it, or the status.
sub version {
    my ($path, $words) = @_;
    my $r = $t->get($path);
    return $r->status == 200 ? $r->body =~ $words ? $1 : $r->body : $r->status;
}

# The same steps for every feed: a percentage, 0, 100, paused.
sub gray {
    my ($path, $words, $app, $release, $old, $new) = @_;
    my ($in, $out);
    for my $i (1 .. 30) {
        (version($path->("d$i"), $words) eq $new ? $in : $out) //= "d$i";
    }
    ok(defined $in && defined $out, 'at 30 percent some are in, and some are not');
    is(version($path->($out), $words), $old, 'who is not in sees the version for all');
    $t->mdsctl('promote', $app, $release, '--percent', 0);
    is(version($path->($in), $words), $old, '0 percent: nobody');
    $t->mdsctl('promote', $app, $release, '--percent', 100);
    is(version($path->($out), $words), $new, '100 percent: everybody');
    $t->mdsctl('pause', $app, $release);
    is(version($path->($out), $words), $old, 'paused: nobody');
    $t->mdsctl('resume', $app, $release);
    return $in;
}

sub is_signed {
    my ($file, $signature) = @_;
    $t->write('got', $file);
    $t->write('got.sig', decode_base64($signature));
    return ($t->run({}, qw(openssl pkeyutl -verify -rawin -pubin -inkey),
        $t->dir . '/sparkle.pub', '-in', $t->dir . '/got', '-sigfile',
        $t->dir . '/got.sig'))[0] == 0;
}

subtest 'Sparkle' => sub {
    my %file = map { ("Shop-$_.zip" => "$_ " . 'x' x 50_000) } '1.0', '1.1';
    $t = Recipe->new('Sparkle', files => \%file, before => <<'END');
openssl genpkey -quiet -algorithm ed25519 -out sparkle.pem
openssl pkey -in sparkle.pem -pubout -out sparkle.pub
END
    my $path = sub { "/sparkle/$_[0]/appcast.xml" };
    my $in = gray($path, qr{<sparkle:version>(.*)</}, qw(com.example.mac mac-1.1 1.0 1.1));

    $t->write('feed.xml', $t->get($path->($in))->body);
    my ($status, $out, $err) = $t->run({}, 'python3', '-c', <<'END', $t->dir . '/feed.xml');
import json, sys, xml.etree.ElementTree as tree
s = "{http://www.andymatuschak.org/xml-namespaces/sparkle}"
item = tree.parse(sys.argv[1]).getroot().find("channel/item")
e = item.find("enclosure")
print(json.dumps({ "version": item.find(s + "version").text, "url": e.get("url"),
    "notes": item.find("description").text, "length": e.get("length"),
    "signature": e.get(s + "edSignature") }))
END
    is($status, 0, 'well-formed') or diag $err;
    my $item = JSON::PP->new->utf8->decode($out);
    is($item->{notes}, '<p>Faster</p>', 'notes');
    my ($url) = $item->{url} =~ m{^http://[^/]+(/.*/Shop-1\.1\.zip)$};
    my $file = $t->get($url)->body;
    is($file, $file{'Shop-1.1.zip'}, 'the archive');
    is($item->{length}, length $file, '... its length');
    ok(is_signed($file, $item->{signature}), '... its signature');
    ok(!is_signed("$file.", $item->{signature}), '... which another archive does not have');
    is($t->get("/sparkle/$_")->status, 404, "404: $_")
        for 'appcast.xml', 'd1/appcast', 'files/abc/Shop.zip';
    $t->mdsctl('end', 'com.example.mac', $_) for 'mac-1.1', 'mac-1.0';
    is($t->get($path->('d1'))->status, 404, 'no release');
};

subtest 'Squirrel and Velopack' => sub {
    my %file = map { ("Shop-$_-full.nupkg" => "$_ " . 'x' x 50_000) } '1.0.0', '1.1.0';
    $t = Recipe->new('Squirrel and Velopack', files => \%file);
    my $words = qr{/Shop-([0-9.]+)-full\.nupkg \d+\n\z};
    my $in = gray(sub { "/windows/$_[0]/RELEASES" }, $words,
        qw(com.example.windows win-1.1.0 1.0.0 1.1.0));

    my ($sha1, $url, $size) = split ' ', $t->get("/windows/$in/RELEASES?id=Shop")->body;
    my $file = $t->get($url =~ s{^http://[^/]+}{}r)->body;
    is($file, $file{'Shop-1.1.0-full.nupkg'}, 'Squirrel: the package');
    is_deeply([ $sha1, $size ], [ sha1_hex($file), length $file ], '... its digest and length');

    my ($asset) = @{ $t->get("/windows/$in/releases.win.json?localVersion=1.0.0")->json->{Assets} };
    is($t->get("/windows/$in/$asset->{FileName}")->body, $file, 'Velopack: the package');
    is_deeply([ @$asset{qw(PackageId Version Type SHA1 SHA256 Size)} ],
        [ 'Shop', '1.1.0', 'Full', sha1_hex($file), sha256_hex($file), length $file ],
        '... its digests and length');
    is($t->get("/windows/$_")->status, 404, "404: $_")
        for 'RELEASES', "$in/releases.osx.json", 'files/abc/x', "$in/Shop-1.1.0-full.nupkg";
    $t->mdsctl('end', 'com.example.windows', $_) for 'win-1.1.0', 'win-1.0.0';
    is($t->get("/windows/$in/$_")->status, 404, "no release: $_")
        for 'RELEASES', 'releases.win.json';
};

done_testing;
