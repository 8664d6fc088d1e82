#!/usr/bin/perl

# publish --store: a package that differences work on; and word of one that
# they do not.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Ctl ();
use Depot;
use Pack;

my $d = Depot->new;

sub args {
    my ($file, $version, @more) = @_;
    return ('publish', $file, qw(--app a --kind bundle --name home --version),
        $version, @more);
}

# Publishes; hands back the bytes that are stored, and what was said on stderr.
sub published {
    my ($depot, @args) = @_;
    my ($code, $out, $err) = $depot->run('--json', @args);
    is $code, 0, Depot::short(@args) . ': done' or diag($err);
    my ($sha) = $out =~ /"sha256": *"([0-9a-f]{64})"/ or return (undef, $err);
    return (Ctl::read_file("$depot->{depot}/files/$sha"), $err);
}

# --- a zip

my @entries = (
    [ 'z-first.js', 'first();' x 200 ],
    [ 'dir/', '' ],
    [ 'dir/tool', "#!\n" x 20, { mode => 0100755, time => 0x8000,
        date => 0x2a21, extra => pack('vva4', 0xcafe, 4, 'more'),
        comment => 'of an entry' } ],
    [ "\xe6\x9b\xb4.js", 'name' x 30, { flags => 0x800 | 6 } ],
    [ 'a-last.js', 'last', { method => 0 } ],
    [ 'piped.js', 'pipe' x 50, { flags => 0x808 } ],
    [ 'empty', '' ],
);
my $deflated = Pack::zip(@entries);
my $wanted   = Pack::zip(map {
    my ($name, $data, $more) = @$_;
    [ $name, $data, { %{ $more // {} }, method => 0,
        flags => ($more->{flags} // 0x800) & ~0xe } ];
} @entries);
my $file = $d->put('home.zip', $deflated);

my ($bytes, $said) = published($d, args($file, '1.0', '--store'));
ok $bytes eq $wanted, 'the same zip, to the byte, with all entries stored';
like $said, qr/\Amdsctl: note: "\S+home\.zip" was repacked; what is published and signed is the repacked file\n\z/,
    'it says so';
is sha256_hex(Ctl::read_file($file)), sha256_hex($deflated),
    'the file itself is left alone';
is_deeply [ grep { /mds-/ } glob "$ENV{TMPDIR}/.tmp-*" ], [], 'nothing stays'
    if $ENV{TMPDIR};

# The same input, the same bytes: wherever, whenever, however packed.
for my $zone ('Asia/Shanghai', 'America/New_York') {
    local $ENV{TZ} = $zone;
    my ($again) = published(Depot->new(key => $d->{key}),
        args($file, '1.0', '--store'));
    ok $again eq $wanted, "the same in $zone";
}
my ($harder) = published(Depot->new(key => $d->{key}), args($d->put('hard.zip',
    Pack::zip(map { [ @$_[0, 1], { %{ $_->[2] // {} }, level => 9 } ] }
        @entries)), '1.0', '--store'));
ok $harder eq $wanted, 'the same, however hard it was deflated';

like $d->does(args($d->put('stored.zip', $wanted), '1.0')), qr/no change/,
    'what came out is that version';
my ($code, $out) = $d->run(args($file, '1.0', '--store'));
like $out, qr/no change/, 'and so it is again';
$d->refuses('published already, as another file', args($file, '1.0'));
($bytes, $said) = published(Depot->new(key => $d->{key}),
    args($d->put('stored.zip', $wanted), '1.0', '--store'));
ok $bytes eq $wanted, 'what is stored already is published as it is';
like $said, qr/is not compressed inside; it is published as it is$/,
    '... it says so';

SKIP: {
    skip 'no unzip', 1 if system 'unzip -v >/dev/null 2>&1';
    my $path = $d->put('check.zip', $wanted);
    is system("unzip -tqq $path"), 0, 'stock unzip takes it';
}
my $web = "$d->{dir}/web";
published($d, args($file, '1.1', '--store', '--unpack', $web));
is Ctl::read_file("$web/1.1/z-first.js"), 'first();' x 200,
    'repacked and unpacked';

# --- differences

my @js = map { [ "f$_.js", "f$_(" . unpack('H*', Depot::noise("js$_", 3000))
    . ');' ] } 1 .. 20;
my %delta;
for my $way ('deflated', 'stored') {
    my $one = Depot->new(key => $d->{key});
    for my $version (1, 2) {
        $js[7][1] =~ s/^f8/g8/ if $version == 2;
        $one->must(args($one->put("v$version", Pack::zip([ 'version',
            "$version" ], @js)), $version, $way eq 'stored' ? '--store' : ()));
    }
    $js[7][1] =~ s/^g8/f8/;
    $one->must(qw(release a r --kind bundle --name home --version 2 --all));
    $delta{$way} = $one->decides(qw(app=a kind=bundle name=home version=1))
        ->{manifest}{delta}{size} // 1e9;
}
cmp_ok $delta{stored}, '<', 2000, 'a small change is a small difference';

# --- tars

my $tar = Pack::tar([ 'a', 'x' x 999 ], [ 'l', '', { type => 2, link => 'a' } ]);
my %tools = (gz => 'gzip -n', xz => 'xz', zst => 'zstd -q');
for my $suffix (sort keys %tools) {
    my $path = $d->put('t.tar', $tar);
    system "$tools{$suffix} <$path >$path.$suffix" and die $suffix;
    ($bytes, $said) = published(Depot->new(key => $d->{key}),
        args("$path.$suffix", '1', '--store'));
    ok $bytes eq $tar, "$suffix: the plain tar";
    like $said, qr/was repacked/, '... it says so';
}
($bytes, $said) = published(Depot->new(key => $d->{key}),
    args($d->put('t.tar', $tar), '1', '--store'));
ok $bytes eq $tar, 'a plain tar stays';

# --- word of it

my $advice = qr/\Amdsctl: note: "\S+" is compressed inside, so that differences come out large; --store repacks it [^\n]*\n\z/;
for my $case (
    [ 'deflated zip', $deflated, 1 ], [ 'stored zip', $wanted, 0 ],
    [ 'empty zip', Pack::zip(), 0 ], [ 'plain tar', $tar, 0 ],
    [ 'compressed tar', Ctl::read_file("$d->{dir}/t.tar.gz"), 1 ],
    [ 'no archive', 'x' x 5000, 0 ], [ 'nothing', '', 0 ],
    [ 'a cut zip', substr($deflated, 0, -30), 0 ])
{
    my ($what, $content, $word) = @$case;
    (undef, $said) = published(Depot->new(key => $d->{key}),
        args($d->put('x', $content), '1'));
    $word ? like($said, $advice, "$what: word of it") : is($said, '', $what);
}

# --- what cannot be repacked

my @wrong = (
    [ 'no zip and no tar', 'neither' ],
    [ 'no zip and no tar', '' ],
    [ 'no zip and no tar', substr($deflated, 0, -30) ],
    [ 'is a symbolic link', Pack::zip([ 'a', 'x' x 99 ], [ 'l', 'a',
        { mode => 0120777, method => 0 } ]) ],
    [ 'bad CRC|not what the directory says', Pack::zip([ 'a', 'x' x 99,
        { crc => 7 } ]) ],
    [ 'encrypted', Pack::zip([ 'a', 'x' x 99, { flags => 1 } ]) ],
    [ 'zero byte', Pack::zip([ "a\0b", 'x' x 99 ]) ],
    [ 'zip64', Pack::zip([ 'a', 'x' x 99, { size => 0xffffffff } ]) ],
    [ '', Pack::zip([ 'a', 'x' x 99, { size => 5 } ]) ],
    [ '', substr(Ctl::read_file("$d->{dir}/t.tar.gz"), 0, 60) ],
);
for my $case (@wrong) {
    my ($words, $content) = @$case;
    local $ENV{TMPDIR} = "$d->{dir}/tmp";
    mkdir $ENV{TMPDIR};
    $d->refuses("(?:$words)", args($d->put('wrong', $content), '9.0',
        '--store'));
    is_deeply [ glob "$ENV{TMPDIR}/.tmp-* $ENV{TMPDIR}/*" ], [],
        'nothing stays';
}
$d->refuses('over 500 bytes; --unpack-bytes N allows more', args($file, '9.0',
    '--store', '--unpack-bytes', 500));
$d->refuses('over 500 bytes; --unpack-bytes N allows more',
    args("$d->{dir}/t.tar.gz", '9.0', '--store', '--unpack-bytes', 500));
$d->refuses('No such file', args("$d->{dir}/none", '9.0', '--store'));

done_testing;
