#!/usr/bin/perl

# publish: the file under its digest, signed, with differences that stock
# tools undo; and without a key, nothing.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use Test::More;

use Ctl ();
use Depot;

my $d = Depot->new(user => 'root');
my $noise = Depot::noise('app', 120_000);

# Each version has 2,000 bytes of its own; none of it compresses.
sub build { $noise . Depot::noise("v$_[0]", 2000) }

sub publish {
    my ($version, $bytes, @more) = @_;
    return ('publish', $d->put("app-$version", $bytes), qw(--app a --kind
        upgrade --platform android --version), $version, @more);
}

sub stored { -e "$d->{depot}/files/$_[0]" }

# --- one package

my $out = $d->does(publish('1.0', build(1)));
like $out, qr/^serial 1\n  \+ package upgrade 1\.0 android\n\z/,
    'says what changed';

my $sha  = sha256_hex(build(1));
my $path = "$d->{depot}/files/$sha";
is Ctl::read_file($path), build(1), 'the file is stored under its SHA-256';
is sprintf('%o', (stat $path)[2] & 07777), '444', 'for all to read';
is sprintf('%o', (stat "$path.minisig")[2] & 07777), '444',
    'its signature too';
my $public = $d->{key} =~ s/key$/pub/r;
my ($keyid) = Ctl::read_file($public) =~ / ([0-9A-F]{16})$/m;
is_deeply [$d->files('files')],
    [$sha, "$sha.$keyid.minisig", "$sha.minisig"], 'nothing else is';
is Ctl::read_file("$path.$keyid.minisig"), Ctl::read_file("$path.minisig"),
    'the signature of the only key is that for all';

is system("minisign -V -q -p $public -m $path"), 0,
    'stock minisign accepts the signature';
my $copy = $d->put('copy', build(1) . 'x');
isnt system("minisign -V -q -p $public -x $path.minisig -m $copy 2>/dev/null"),
    0, 'of that file alone';

# --- differences, by the number of versions that is asked for

my %deltas;   # of the release's manifest: from => what it says

sub offers {
    my ($to, @from) = @_;
    $d->must('release', 'a', "r-$to", qw(--kind upgrade --platform android),
        '--version', $to, '--all');
    return map {
        my $m = $d->decides(qw(app=a kind=upgrade platform=android),
            "version=$_")->{manifest};
        $deltas{$_} = $m->{delta};
        $m->{delta} ? $_ : ();
    } @from;
}

$d->must(publish("1.$_", build("1.$_"))) for 1 .. 4;
is_deeply [offers('1.4', map { "1.$_" } 0 .. 3)], ['1.1', '1.2', '1.3'],
    'differences from three lower versions, unless told otherwise';

for my $from ('1.1', '1.3') {
    my $delta = $deltas{$from};
    my $bytes = Ctl::read_file("$d->{depot}/$delta->{path}");
    my $old   = $d->put('old', build($from));

    is $delta->{sha256}, sha256_hex($bytes), "$from: the digest it says";
    is $delta->{size}, length $bytes, "$from: the size it says";
    is $delta->{from_sha256}, sha256_hex(build($from)), "$from: the base";
    is unpack('H16', $bytes), '5e2a4d1820000000', "$from: the mark of dcz";
    is substr($bytes, 8, 32), pack('H*', $delta->{from_sha256}),
        "$from: the base in the file";
    is sprintf('%o', (stat "$d->{depot}/$delta->{path}")[2] & 07777), '444',
        "$from: for all to read";
    is `zstd -d -q --patch-from=$old -c $d->{depot}/$delta->{path}`,
        build('1.4'), "$from: stock zstd undoes it";
}

for my $case ([0], [1, '1.4'], [2, '1.3', '1.4'],
    [5, map { "1.$_" } 0 .. 4])
{
    my ($count, @from) = @$case;
    my $one = Depot->new(user => 'root', key => $d->{key});
    $one->must('publish', $d->put("v$_", build($_)), qw(--app a --kind upgrade
        --platform android --version), $_, $_ eq '1.5'
        ? ('--deltas', $count) : ('--deltas', 0)) for map { "1.$_" } 0 .. 5;
    $one->must(qw(release a r --kind upgrade --platform android --version 1.5
        --all));
    is_deeply [grep {
        $one->decides(qw(app=a kind=upgrade platform=android), "version=$_")
            ->{manifest}{delta}
    } map { "1.$_" } 0 .. 4], \@from, "--deltas $count";
    is scalar(grep { !/minisig/ } $one->files('files')), 6 + @from,
        "--deltas $count: no other files";
}

# Below 80 % of the compressed full file, or not at all.
for my $case (['most of it new', 85_000, 0], ['half of it new', 60_000, 1]) {
    my ($what, $fresh, $worth) = @$case;
    my $one = Depot->new(user => 'root', key => $d->{key});
    my $old = Depot::noise('old', 100_000);
    my $new = substr($old, 0, 100_000 - $fresh) . Depot::noise('new', $fresh);
    my @args = qw(--app a --kind upgrade --version);

    $one->must('publish', $one->put('old', $old), @args, 1);
    $one->must('publish', $one->put('new', $new), @args, 2);
    $one->must(qw(release a r --kind upgrade --version 2 --all));
    my $m = $one->decides(qw(app=a kind=upgrade version=1))->{manifest};
    is defined $m->{delta} || 0, $worth, "$what: worth it or not";
    is scalar(grep { !/minisig/ } $one->files('files')), 2 + $worth,
        "$what: what is not worth it is not kept";
}

# --- names, platforms, channels, meta

$d->does('publish', $d->put('home', 'home'), qw(--app a --kind bundle --name
    home --platform ios --channel store --version 2 --deltas 0 --meta),
    '{"download":"wifi"}');
$d->must(qw(release a h --kind bundle --name home --version 2 --all));
my $m = $d->decides(qw(app=a kind=bundle name=home platform=ios channel=store))
    ->{manifest};
is_deeply [@$m{qw(name platform channel version meta)}],
    ['home', 'ios', 'store', '2', { download => 'wifi' }],
    'what was given is in the manifest';
is $d->decides(qw(app=a kind=bundle name=home platform=android))->{action},
    'none', 'and is for no other platform';

# --- again

my $serial = $d->serial;
like $d->does(publish('1.4', build('1.4'))), qr/^no change: .* $serial$/m,
    'the same file again is no change';
is $d->serial, $serial, 'the serial stays';
$d->refuses('1\.4 is published already, as another file',
    publish('1.4', 'another file'));
$d->refuses('1\.4\.0 is published already', publish('1.4.0', 'another file'));
like $d->does(publish('1.4', build('1.4'), '--meta', '{"notes":{"en":"x"}}')),
    qr/~ package upgrade 1\.4 android: meta/, 'with other words for it, it is';
$d->does('publish', $d->put('ios', 'for ios'), qw(--app a --kind upgrade
    --platform ios --version 1.4));
$d->does('publish', $d->put('mi', 'for mi'), qw(--app a --kind upgrade
    --platform android --channel mi --version 1.4));

# The same bytes as another version: stored once.
my @before = $d->files('files');
$d->must('publish', $d->put('twin', build('1.4')), qw(--app b --kind upgrade
    --version 9 --new-app));
is_deeply [$d->files('files')], \@before, 'the same bytes are stored once';

# --- the empty file is a package like any other

$d->does('publish', $d->put('none', ''), qw(--app b --kind hotfix --version 1));

# --- an app that is not there is made where it is the first, or is meant

{
    my $fresh = Depot->new(user => 'root', key => $d->{key});
    my @p = (qw(publish), $d->put('p', 'p'), qw(--kind upgrade --version 1 --app));
    $fresh->does(@p, 'com.example.shop');
    my $shop = 'com\.example\.shop';
    $fresh->refuses('there is no app "com\.example\.shpo" \(--new-app creates it\);'
        . " apps: $shop; did you mean $shop\\?", @p, 'com.example.shpo');
    $fresh->refuses('there is no app "org\.other" \(--new-app creates it\);'
        . " apps: $shop", @p, 'org.other');
    $fresh->refuses('there is no app "com\.example\.shpo"(?: \(--new-app creates it\))?;'
        . " apps: $shop; did you mean $shop\\?", @$_)
        for ['release', 'com.example.shpo', 'r', qw(--kind upgrade --version 1
                --all)],
            ['end', 'com.example.shpo', 'r'],
            ['list', 'add', 'com.example.shpo', 'l', 'x'],
            ['list', 'import', 'com.example.shpo', 'l', $d->put('ids', "x\n")],
            ['list', 'remove', 'com.example.shpo', 'l', 'x'],
            ['message', 'push', 'com.example.shpo', '--users', "$d->{dir}/ids",
                qw(--to a=1 --until 2096-01-01T00:00:00Z)];

    # Asked on a terminal; whoever answers anything but y has made a slip.
    for my $case (['n', 1, 1], ['', 1, 1], ['y', 0, 2]) {
        my ($answer, $code, $apps) = @$case;
        my $typed = $d->put('typed', "$answer\n");
        local $ENV{MDS_DEPOT} = $fresh->{depot};
        local $ENV{MDS_KEY}   = $fresh->{key};
        my $said = qx(script -qec "$Ctl::build/mdsctl @p[0 .. 6] org.third" /dev/null <$typed);
        is $? >> 8, $code, "answered '$answer': exit $code";
        like $said, qr/there is no app "org\.third".*Create it\? \[y\/N\]/s,
            '... to a question';
        is scalar @{ $fresh->asks('status')->{apps} }, $apps, "... $apps apps";
    }
    $fresh->does(@p, 'org.other', '--new-app');
    $fresh->does(@p, 'com.example.shop', '--new-app');
}

# --- what is wrong changes nothing

my $file = $d->put('new', build('new'));
my @new  = ('publish', $file, qw(--app a --kind upgrade --version 7));
{
    local $d->{key};
    {
        $d->refuses('must be signed: give --key FILE, or its path in MDS_KEY', @new);
    }
}
$d->refuses('none\.key": No such file', @new, '--key', "$d->{dir}/none.key");
$d->refuses('key', @new, '--key', $public);
$d->refuses('new" is too long', @new, '--key', $file);
$d->refuses('no-such-file', 'publish', "$d->{dir}/no-such-file", @new[2 .. 7]);
$d->refuses('must be a regular file', 'publish', $d->{dir}, @new[2 .. 7]);
$d->misused('kind', 'publish', $file, qw(--app a --kind Upgrade --version 7));
$d->misused('version', 'publish', $file, qw(--app a --kind upgrade --version
    seven));
$d->misused('has no names', 'publish', $file, qw(--app a --kind upgrade --name
    n --version 7));
$d->refuses('"name" is missing', 'publish', $file, qw(--app a --kind bundle
    --version 7));
$d->misused('config', 'publish', $file, qw(--app a --kind config --name n
    --version 7));
$d->misused('deltas', @new, '--deltas', '-1');
$d->misused('deltas', @new, '--deltas', '1.5');
$d->misused('download', @new, '--meta', '{"download":"pigeon"}');
$d->misused('--meta: found \[1\]; want a JSON object', @new, '--meta', '[1]');
$d->misused('--rule: found 1; want a JSON object', @new, '--rule', '1');

$d->misused('--app is missing', 'publish', $file, qw(--kind k --version 1));
$d->misused('--kind is missing', 'publish', $file, qw(--app a --version 1));
$d->misused('--version is missing', 'publish', $file, qw(--app a --kind k));
$d->misused('argument is missing', qw(publish --app a --kind k --version 1));
$d->misused('--meta', @new, '--meta', '{"download":');
$d->misused('--deltas', @new, '--deltas', 'many');
$d->misused('UTF-8', @new, '--name', "\xff");

# --- for machines

my $facts = $d->asks(@new);
is $facts->{serial}, $d->serial, 'json: the serial';
is $facts->{changes}[0]{what}, 'package', 'json: what changed';
is $facts->{changes}[0]{after}{sha256}, sha256_hex(build('new')),
    'json: the digest';

# --- the first package of all, without a key: the next step is named

{
    my $first = Depot->new;
    local $first->{key};
    $first->refuses('must be signed: give --key FILE, .*; `mdsctl keygen` makes a key',
        'publish', $first->put('one', 'one'), qw(--app a --kind upgrade --version 1));
}

done_testing;
