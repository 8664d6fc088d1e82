#!/usr/bin/perl

# publish --codepush: the package hash of the CodePush tools, of a folder, of a
# zip and of one file; and the binaries that a version is for.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Ctl ();
use Depot;
use Pack;

my $d = Depot->new(user => 'root');
my $n = 0;

# Publishes, and returns the package as the document has it.
sub publish {
    my ($file, @more) = @_;
    my $version = ++$n;
    $d->must('publish', $file, qw(--app a --kind bundle --name main --codepush),
        '--version', $version, @more);
    my $document = JSON::PP->new->utf8->decode($d->must(qw(export a)));
    my ($package) = grep { $_->{version} eq $version } @{ $document->{packages} };
    return $package;
}

sub hash_of {
    my ($file, @more) = @_;
    return publish($file, @more)->{meta}{package_hash};
}

# --- as hash-utils of the CodePush CLI computes it, by its own files

my @files = map { [ "$_.txt", $_ ] } qw(b c d);
my $expected = '9e0499ce7df5c04cb304c9deed684dc137fc603cb484a5b027478143c595d80b';
is hash_of($d->put('one.zip', Pack::zip(@files))), $expected, 'a zip';
is hash_of($d->put('two.zip', Pack::zip(reverse @files))), $expected,
    '... in another order';
is hash_of($d->put('three.zip', Pack::zip(@files, [ '__MACOSX/x', 'x' ],
    [ '.DS_Store', 'x' ], [ 'e/', '' ]))), $expected, '... with metadata of macOS';
isnt hash_of($d->put('four.zip', Pack::zip(@files, [ 'x.DS_Store', 'x' ]))),
    $expected, '... which is known by its whole name';
is hash_of($d->put('five.zip', Pack::zip(@files)), '--store'), $expected,
    '... and repacked';
is hash_of($d->put('main.jsbundle', 'code')), sha256_hex('code'), 'one file';

# Names are in the order of JavaScript, which is that of UTF-16.
my @names = ("\xf0\x9f\x98\x80", "\xee\x80\x80", "a");
my $json = '[' . join(',', map { qq("$_:) . sha256_hex('x') . '"' }
    'a', "\xf0\x9f\x98\x80", "\xee\x80\x80") . ']';
is hash_of($d->put('utf.zip', Pack::zip(map { [ $_, 'x' ] } @names))),
    sha256_hex($json), 'names beyond U+FFFF';

# --- a folder

mkdir "$d->{dir}/$_" for qw(update update/js);
$d->put("update/$_->[0]", $_->[1]) for @files, [ 'js/app.js', 'run' ],
    [ 'js/.DS_Store', 'x' ];
my $folder = publish("$d->{dir}/update/");
my $manifest = '[' . join(',', map { qq("$_->[0]:) . sha256_hex($_->[1]) . '"' }
    (map { [ "update/$_->[0]", $_->[1] ] } @files), [ 'update/js/app.js', 'run' ]) . ']';
is $folder->{meta}{package_hash}, sha256_hex($manifest), 'a folder, with its name';
is publish("$d->{dir}/update")->{sha256}, $folder->{sha256}, '... gives the same zip';
my $zip = "$d->{dir}/depot/files/$folder->{sha256}";
is join(' ', sort split /\n/, `unzip -Z1 $zip`), join(' ', sort
    'update/js/.DS_Store', 'update/js/app.js', map { "update/$_->[0]" } @files),
    '... of its files';
is `unzip -p $zip update/js/app.js`, 'run', '... with their bytes';

my @publish = (qw(--app a --kind bundle --name main --codepush --version 99));
mkdir "$d->{dir}/empty";
$d->refuses('has no files', 'publish', "$d->{dir}/empty", @publish);
symlink '/etc/passwd', "$d->{dir}/update/link";
$d->refuses('link" is neither a file nor a directory', 'publish', "$d->{dir}/update",
    @publish);
$d->refuses('No such file', 'publish', "$d->{dir}/none", @publish);
$d->refuses('', 'publish', $d->put('bad.zip', substr Pack::zip(@files), 40), @publish);

# --- binaries

my $file = $d->put('x.js', 'x');
my $one  = publish($file, '--app-version', '^1.2', '--meta', '{"mandatory":true}');
is $one->{meta}{target_binary_range}, '^1.2', 'the range, for the devices';
ok $one->{meta}{mandatory}, '... beside what was given';
is_deeply $one->{rules}, [ { attribute => 'app_version', op => 'range',
    min => '1.2.0', below => '2.0.0-0' } ], '... and as a rule';
is publish($file, '--app-version', '*')->{rules}, undef, 'every binary: no rule';
is scalar @{ publish($file, '--app-version', '1.0.0', '--rule',
    '{"attribute":"cpu","op":"in","values":["x"]}')->{rules} }, 2, 'beside another rule';
is hash_of($file, '--meta', '{"package_hash":"mine"}'), 'mine', 'a hash that is given';
$d->misused('is not a range of semver', 'publish', $file, @publish,
    '--app-version', '1.0.0 || 2.0.0');
$d->misused('is not a range of semver', 'publish', $file, @publish,
    '--app-version', '1.0.0..2.0.0');

done_testing;
