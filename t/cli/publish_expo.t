#!/usr/bin/perl

# publish --expo: the folder of `expo export` becomes a signed manifest for each
# platform, and a package for each asset; a wrong folder changes nothing.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_base64 sha256_hex);
use File::Path qw(make_path);
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use Test::More;

use Ctl ();
use Depot;

my $d = Depot->new(user => 'root');
my $dist = "$d->{dir}/dist";
make_path("$dist/assets", "$dist/js", "$d->{dir}/back", "$d->{dir}/empty");

sub metadata { $d->put('dist/metadata.json', encode_json({ version => 0, fileMetadata => $_[0] })) }

sub platform {
    my ($name, @assets) = @_;
    return ($name => { bundle => "js/$name-1.hbc",
        assets => [ map { { path => "assets/$_", ext => 'png' } } @assets ] });
}

$d->put("dist/js/$_-1.hbc", "code of $_") for qw(ios android);
$d->put("dist/assets/$_", "picture $_") for qw(a b);
$d->put('back/rollback', '');
metadata({ platform('ios', 'a'), platform('android', qw(a b b)) });
my $key = "$d->{dir}/rsa.pem";
system("openssl genpkey -quiet -algorithm RSA -out $key && openssl pkey -in $key -pubout"
    . " -out $key.pub") == 0 or die;

my @options = ('--expo', 'https://edge.example.com/mds/v1/', qw(--expo-runtime 54.0 --expo-key),
    $key, qw(--app a --kind bundle --name main --version));

sub packages { @{ decode_json($d->does('export', 'a'))->{packages} } }
sub stored   { Ctl::read_file("$d->{depot}/files/$_[0]{sha256}") }

sub url64 { (sha256_base64($_[0]) =~ tr{+/}{-_}r) }

sub is_signed {
    my ($package) = @_;
    $d->put('text', stored($package));
    $d->put('sig', decode_base64($package->{meta}{expo_signature}));
    return system("openssl dgst -sha256 -verify $key.pub -signature $d->{dir}/sig"
        . " $d->{dir}/text > /dev/null") == 0;
}

my $out = $d->does('publish', $dist, @options, '1.2.3', '--meta', '{"notes":{"en":"New"}}');
like $out, qr/^serial 1\n/, 'one change';
my %by;
push @{ $by{"$_->{kind} " . ($_->{platform} // '')} }, $_ for packages();
is_deeply [ sort keys %by ], [ 'bundle android', 'bundle ios', 'expo-asset ' ],
    'a package for each platform';
is scalar @{ $by{'expo-asset '} }, 4, '... and each file';
my ($android) = @{ $by{'bundle android'} };
my $manifest = decode_json(stored($android));
like $manifest->{id}, qr/^00000001-0002-8003-8[0-9a-f]{3}-[0-9a-f]{12}$/, 'the version in the id';
my $code = sha256_hex('code of android');
is_deeply $manifest->{launchAsset}, { key => 'android-1', hash => url64('code of android'),
    contentType => 'application/javascript', fileExtension => '.bundle',
    url => "https://edge.example.com/mds/v1/files/$code" }, 'the bundle';
is stored({ sha256 => $code }), 'code of android', '... which is stored';
is_deeply [ map { $_->{key} } @{ $manifest->{assets} } ], [qw(a b b)], 'the assets';
is $manifest->{runtimeVersion}, '54.0', 'the runtime version';
is_deeply $android->{rules},
    [ { attribute => 'runtime_version', op => 'in', values => ['54.0'] } ], '... for which it is';
is_deeply $android->{meta}{notes}, { en => 'New' }, 'meta is kept';
ok is_signed($android), 'signed';
is $d->does('publish', $dist, @options, '1.2.3', '--meta', '{"notes":{"en":"New"}}'),
    "no change: the catalog stays at serial 1\n", 'again: nothing changes';

$d->does('publish', $dist, @options, '2', '--platform', 'ios');
is_deeply [ map { $_->{platform} } grep { $_->{version} eq '2' } packages() ], ['ios'],
    'one platform';
$d->does('publish', "$d->{dir}/back", @options, '3');
my ($back) = grep { $_->{version} eq '3' } packages();
is decode_json(stored($back))->{type}, 'rollBackToEmbedded', 'a directive';
ok is_signed($back), '... signed';
is $back->{meta}{expo_part}, 'directive', '... and marked';

$d->refuses(@$_) for
    map { [ $_->[0], 'publish', $dist, @options, @$_[1 .. $#$_] ] }
    [ qr/three numbers/, '1.2-pre.1' ], [ qr/three numbers/, '1.10000' ],
    [ qr/three numbers/, '1.2.3.4' ], [ qr/no update for web/, '4', '--platform', 'web' ];
$d->misused(qr/--store/, 'publish', $dist, @options, '4', '--store');
$d->misused(qr/must be a URL/, 'publish', $dist, '--expo', 'edge', @options[2 .. $#options], '4');
$d->misused(qr/--expo-runtime/, 'publish', $dist, @options[0, 1, 4 .. $#options], '4');

$d->refuses(qr/metadata\.json/, 'publish', "$d->{dir}/empty", @options, '4');
for my $case (
    [ qr/must be a path in/, { android => { bundle => '../rsa.pem' } } ],
    [ qr/must be a path in/, { android => { bundle => "$dist/js/ios-1.hbc" } } ],
    [ qr/must be a path in/, { android => 1 } ],
    [ qr/No such file/, { android => { bundle => 'js/none' } } ],
    [ qr/has no update/, {} ],
) {
    metadata($case->[1]);
    $d->refuses($case->[0], 'publish', $dist, @options, '4');
}
metadata({ platform('ios') });
$d->put('rsa.pem', 'no key');
$d->refuses(qr/RSA key in PEM/, 'publish', $dist, @options, '4');

done_testing;
