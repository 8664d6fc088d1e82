# Expo Updates v1 by the recipe of docs/clients.md. The client is a native library
# of the app: here its request is sent, and Expo's parsers and its certificates,
# from the npm registry, judge the answer.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Recipe;
use Test::More;

my ($modules, $why) = Recipe::npm();
plan skip_all => $why if !defined $modules;

my $EMBEDDED = '6f1c2a52-3c0b-4a53-9d51-0c8f2d5b7e11';
my %file = map { ("dist-$_/metadata.json" => encode_json({ version => 0, bundler => 'metro',
        fileMetadata => { android => { bundle => "_expo/index-$_.hbc",
            assets => [ { path => 'assets/0a1b', ext => 'png' } ] } } }),
    "dist-$_/expoConfig.json" => qq({"name":"shop","extra":{"build":$_}}),
    "dist-$_/_expo/index-$_.hbc" => "bundle $_", "dist-$_/assets/0a1b" => "picture $_") } 1, 2;
my $t = Recipe->new('Expo Updates', files => \%file, before => <<"END");
node '$FindBin::Bin/expo_keys.js' '$modules' .
mkdir back empty && touch back/rollback
END

sub client {
    my ($device, $update, %more) = @_;
    my $certificate = delete $more{certificate} // 'private-key-certificate.pem';
    my ($status, $out, $err) = $t->run({}, 'node', "$FindBin::Bin/expo.js", $modules,
        $t->url('/expo/manifest'), $t->dir . "/$certificate", encode_json({
            'eas-client-id' => $device, 'expo-runtime-version' => '54.0',
            'expo-channel-name' => 'production', 'expo-embedded-update-id' => $EMBEDDED,
            'expo-current-update-id' => $update, %more }));
    die "exit $status: $err" if $status != 0;
    return decode_json($out);
}

sub status {
    my ($device, $update) = @_;
    return $t->get('/expo/manifest', 'Expo-Platform' => 'android', 'EAS-Client-ID' => $device,
        'Expo-Runtime-Version' => '54.0', 'Expo-Channel-Name' => 'production',
        'Expo-Current-Update-ID' => $update, 'Expo-Embedded-Update-ID' => $EMBEDDED)->status;
}

my $r = client('d', $EMBEDDED);
is($r->{status}, 200, 'an app with its embedded update: an update') or diag explain $r;
my $one = $r->{manifest}{id};
like($one, qr/^0000000[12]-0000-8000-8/, '... with its version in the id');
($one) = $t->get("/mds/v1/files/" . digest(1))->body =~ /"id":"([^"]+)"/;

# The digest of the file of a version.
sub digest {
    my ($version) = @_;
    my ($package) = grep { $_->{version} eq $version && $_->{kind} eq 'bundle' }
        @{ decode_json($t->mdsctl('export', 'com.example.expo'))->{packages} };
    return $package->{sha256};
}

my ($in, $out);
for my $i (1 .. 30) {
    (status("d$i", $one) == 200 ? $in : $out) //= "d$i";
}
ok(defined $in && defined $out, 'at 30 percent some are in, and some are not');

$r = client($in, $one);
my $two = $r->{manifest}{id};
is_deeply([ @$r{qw(status protocol cache verified bundle)} ],
    [ 200, 1, 'private, max-age=0', JSON::PP::true, 'bundle 2' ],
    'an update that Expo\'s parsers take, and whose signature holds') or diag explain $r;
is_deeply($r->{assets}, ['picture 2'], '... its assets by their digests');
is_deeply([ @{ $r->{manifest} }{qw(runtimeVersion extra)} ],
    [ '54.0', { expoClient => { name => 'shop', extra => { build => 2 } } } ],
    '... and what the app reads of its configuration');
is($r->{manifest}{assets}[0]{key}, '0a1b', 'the key of an asset is the bundler\'s');
is($r->{manifest}{assets}[0]{contentType}, 'image/png', '... and its type of its extension');
like($r->{manifest}{createdAt}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'a time');
is(client($in, $one, certificate => 'other-key-certificate.pem')->{verified},
    JSON::PP::false, 'by another certificate: refused');
is_deeply(client($in, $two), { status => 204, protocol => 1, cache => 'private, max-age=0' },
    'who has it has nothing to do');
is(status($out, $one), 204, '... nor has who is not in');
is(client($in, $one, 'expo-runtime-version' => '55.0')->{status}, 204, 'another runtime');
is(client($in, $one, 'expo-channel-name' => 'beta')->{status}, 204, 'another channel');
is(client($in, $one, 'expo-platform' => 'ios')->{status}, 204, 'another platform');

$t->mdsctl(qw(promote com.example.expo two --percent 0));
is(status($in, $one), 204, '0 percent: nobody');
$t->mdsctl(qw(promote com.example.expo two --percent 100));
is(status($out, $one), 200, '100 percent: everybody');
$t->mdsctl(qw(pause com.example.expo two));
is(status($out, $one), 204, 'paused: nobody');
$t->mdsctl(qw(resume com.example.expo two));

my $sha = $r->{manifest}{launchAsset}{url} =~ s{.*/}{}r;
my $manifest = digest(2);
my %kept = map { ($_ => $t->read("depot/files/$_")) } $sha, $manifest;
chmod 0644, map { $t->depot_dir . "/files/$_" } $sha, $manifest;
$t->write("depot/files/$sha", 'another bundle');
is(client($in, $one)->{bundle}, 'refused', 'a bundle that is not the one: refused');
$t->write("depot/files/$manifest", $kept{$manifest} =~ s/image/imAge/r);
is(client($in, $one)->{verified}, JSON::PP::false, 'a manifest that was changed: refused');
$t->write("depot/files/$_", $kept{$_}) for keys %kept;

# --- rollback

$t->mdsctl(qw(rollback com.example.expo two));
is(status($in, $two), 204, 'rolled back: nobody gets it, and nobody goes back');
my @publish = (qw(--app com.example.expo --kind bundle --name main --channel production
    --version), '3', '--expo', $t->url('/mds/v1/'), '--expo-runtime', '54.0', '--expo-key',
    $t->dir . '/private-key.pem');
$t->mdsctl('publish', $t->dir . '/back', @publish);
$t->mdsctl(qw(release com.example.expo back --kind bundle --name main --version 3 --all));
$r = client($in, $two);
is_deeply([ $r->{directive}{type}, $r->{verified} ], [ 'rollBackToEmbedded', JSON::PP::true ],
    'a directive leads back to the embedded update') or diag explain $r;
like($r->{directive}{parameters}{commitTime}, qr/^\d{4}-.*\.\d{3}Z$/, '... by its time');
is(status($in, $EMBEDDED), 204, 'who is there has nothing to do');

# --- what the original server refuses

is(client('d', $EMBEDDED, 'expo-platform' => 'web')->{status}, 400, '400: another platform');
is(client('d', $EMBEDDED, 'expo-runtime-version' => '')->{status}, 400, '400: no runtime');
is(status('d', $_), 200, "an id of another server is not a version: $_") for 'x', '0' x 300;
is($t->get("/expo/$_")->status, 404, "404: $_")
    for 'before', 'after', "file/$manifest", 'x';

$t->finish;
