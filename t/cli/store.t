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

my $d = Depot->new(user => 'root');

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
        needs => $name =~ m{/\z} ? 20 : 10, flags => ($more->{flags} // 0x800) & ~0xe } ];
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
    my ($again) = published(Depot->new(user => 'root', key => $d->{key}),
        args($file, '1.0', '--store'));
    ok $again eq $wanted, "the same in $zone";
}
my ($harder) = published(Depot->new(user => 'root', key => $d->{key}), args($d->put('hard.zip',
    Pack::zip(map { [ @$_[0, 1], { %{ $_->[2] // {} }, level => 9 } ] }
        @entries)), '1.0', '--store'));
ok $harder eq $wanted, 'the same, however hard it was deflated';

like $d->does(args($d->put('stored.zip', $wanted), '1.0')), qr/no change/,
    'what came out is that version';
my ($code, $out) = $d->run(args($file, '1.0', '--store'));
like $out, qr/no change/, 'and so it is again';
$d->refuses('published already, as another file', args($file, '1.0'));
($bytes, $said) = published(Depot->new(user => 'root', key => $d->{key}),
    args($d->put('stored.zip', $wanted), '1.0', '--store'));
ok $bytes eq $wanted, 'what is stored already is published as it is';
like $said, qr/is not compressed inside; it is published unchanged$/,
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
    my $one = Depot->new(user => 'root', key => $d->{key});
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
    ($bytes, $said) = published(Depot->new(user => 'root', key => $d->{key}),
        args("$path.$suffix", '1', '--store'));
    ok $bytes eq $tar, "$suffix: the plain tar";
    like $said, qr/was repacked/, '... it says so';
}
($bytes, $said) = published(Depot->new(user => 'root', key => $d->{key}),
    args($d->put('t.tar', $tar), '1', '--store'));
ok $bytes eq $tar, 'a plain tar stays';

# --- word of it

my $advice = qr/\Amdsctl: note: "\S+" is compressed inside, so deltas of it are large; --store repacks it [^\n]*\n\z/;
for my $case (
    [ 'deflated zip', $deflated, 1 ], [ 'stored zip', $wanted, 0 ],
    [ 'empty zip', Pack::zip(), 0 ], [ 'plain tar', $tar, 0 ],
    [ 'compressed tar', Ctl::read_file("$d->{dir}/t.tar.gz"), 1 ],
    [ 'no archive', 'x' x 5000, 0 ], [ 'nothing', '', 0 ],
    [ 'a cut zip', substr($deflated, 0, -30), 0 ])
{
    my ($what, $content, $word) = @$case;
    (undef, $said) = published(Depot->new(user => 'root', key => $d->{key}),
        args($d->put('x', $content), '1'));
    $word ? like($said, $advice, "$what: word of it") : is($said, '', $what);
}

# --- what an entry is, and is called, stays as it is

# Two bytes of the last entry's data that are no deflate.
sub break_data {
    my ($zip) = @_;
    my $at = rindex $zip, pack 'V', 0x04034b50;
    substr($zip, $at + 31, 2) = "\xff\xff";
    return $zip;
}

{
    my @odd = (
        [ 'bin/tool', '#!/bin/sh' x 20, { mode => 0100755 } ],
        [ 'bin/link', '../lib/target', { mode => 0120777, method => 0 } ],
        [ 'packed-link', 'lib/' x 60, { mode => 0120777 } ],
        [ "caf\xe9", 'latin' x 20, { flags => 0 } ],
        [ "cafe\xcc\x81", 'decomposed' x 20 ],
        [ 'pipe', '', { mode => 010666 } ],
        [ 'of-dos/', '', { host => 0, mode => 0 } ],
    );
    my ($stored) = published(Depot->new(user => 'root', key => $d->{key}), args($d->put('odd.zip',
        Pack::zip(@odd)), '1', '--store'));
    ok $stored eq Pack::zip(map { [ @$_[0, 1], { %{ $_->[2] // {} },
        method => 0, needs => $_->[0] =~ m{/\z} ? 20 : 10 } ] } @odd),
        'links, names that are no UTF-8, and a pipe are kept';

    SKIP: {
        skip 'no zip, or no unzip', 2
            if system 'zip -v >/dev/null 2>&1 && unzip -v >/dev/null 2>&1';
        my $from = "$d->{dir}/from";
        mkdir $from;
        $d->put('from/file', 'text' x 500);
        symlink 'file', "$from/link" or die $!;
        system "cd $from && zip -qy ../tool.zip file link" and die;
        my ($bytes) = published(Depot->new(user => 'root', key => $d->{key}),
            args("$d->{dir}/tool.zip", '1', '--store'));
        $d->put('tool-stored.zip', $bytes);
        system "unzip -q $d->{dir}/tool-stored.zip -d $d->{dir}/to" and die;
        is readlink "$d->{dir}/to/link", 'file', 'a link comes out of stock unzip';
        is Ctl::read_file("$d->{dir}/to/file"), 'text' x 500, '... as its file does';
    }

    # A compressed tar may begin with anything.
    my $odd = Pack::tar([ 'l', '', { type => 2, link => 'a' } ],
        [ "caf\xe9", 'x' x 99 ]);
    my $path = $d->put('odd.tar', $odd);
    system "gzip -kf $path" and die;
    my ($plain) = published(Depot->new(user => 'root', key => $d->{key}), args("$path.gz", '1',
        '--store'));
    ok $plain eq $odd, 'a tar that begins with a link';
}

# --- what cannot be repacked

my @wrong = (
    [ 'neither a zip nor a tar', 'neither' ],
    [ 'neither a zip nor a tar', '' ],
    [ 'neither a zip nor a tar', substr($deflated, 0, -30) ],
    [ 'entry "a":? .*(bad CRC|differs from the directory)',
        Pack::zip([ 'a', 'x' x 99, { crc => 7 } ]) ],
    [ 'entry "a" is encrypted', Pack::zip([ 'a', 'x' x 99, { flags => 1 } ]) ],
    [ 'entry "a\\\\x00b" has a zero byte', Pack::zip([ "a\0b", 'x' x 99 ]) ],
    [ 'entry "a" is in zip64 format', Pack::zip([ 'a', 'x' x 99, { size => 0xffffffff } ]) ],
    [ 'entry "caf\\\\xe9": ', Pack::zip([ 'ok', 'x' ], [ "caf\xe9", 'x' x 99,
        { size => 5, flags => 0 } ]) ],
    [ 'entry "b": ', break_data(Pack::zip([ 'a', 'x' ], [ 'b', 'y' x 99 ])) ],
    [ 'entry "b" is truncated', Pack::zip([ 'a', 'x' x 99 ], [ 'b', 'y', {
        packed => 9999 } ]) ],
    [ 'entry "b" has another name in its local header',
        Pack::zip([ 'a', 'x' x 99 ], [ 'b', 'y', { local => 'c' } ]) ],
    [ 'entry "n+.*has another name in its local header',
        Pack::zip([ 'n' x 300, 'y', { local => 'n' x 299 . 'm' } ]) ],
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
