#!/usr/bin/perl

# What others wrote is not believed: files that a document names lie in its
# folder, and names of an archive's entries show as what they are.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use Test::More;

use Depot;

my $dir = tempdir(CLEANUP => 1);
my $d   = Depot->new(user => 'root', dir => $dir);

mkdir "$dir/doc" or die;
mkdir "$dir/doc/in" or die;
mkdir "$dir/doc-2" or die;
$d->put('secret', "alice\n");
$d->put('doc/in/users', "alice\n");
$d->put('doc-2/users', "alice\n");
symlink '../secret', "$dir/doc/link" or die;
symlink '..', "$dir/doc/up" or die;
symlink 'in', "$dir/doc/alias" or die;
symlink "$dir/doc-2", "$dir/doc/twin" or die;

my %parts = (
    package => sub { qq("packages":[{"kind":"upgrade","version":"1","file":"$_[0]"}]) },
    list    => sub { qq("lists":{"l":{"file":"$_[0]"}}) },
    delta   => sub { qq("packages":[{"kind":"upgrade","version":"1","file":"in/users"},
        {"kind":"upgrade","version":"2","file":"in/users","deltas":
        [{"from":"1","format":"bsdiff4","file":"$_[0]"}]}]) },
);
my @outside = (
    ["$dir/secret", qr/absolute/], ['../secret', qr/"\.\."/],
    ['in/../../secret', qr/"\.\."/], ['in/../in/users', qr/"\.\."/],
    ['link', qr/symbolic link/], ['up/secret', qr/symbolic link/],
    ['twin/users', qr/symbolic link/],
);
for my $part (sort keys %parts) {
    for (@outside) {
        my ($file, $why) = @$_;
        $d->put('doc/document.json', qq({"app":"b",@{[ $parts{$part}->($file) ]}}));
        for my $more ($part eq 'list' ? ['--dry-run'] : []) {
            my $said = $d->refuses(qr/document's folder.*--allow-outside/,
                'apply', "$dir/doc/document.json", @$more);
            like $said, $why, "$part $file: and why";
            like $said, qr{/file: }, '... and where in the document';
        }
    }
}
for my $file ('in/users', './in/users', 'alias/users') {
    $d->put('doc/document.json', qq({"app":"b",@{[ $parts{list}->($file) ]}}));
    my ($code, undef, $err) = $d->run('apply', "$dir/doc/document.json",
        '--dry-run');
    is $code, 0, "$file lies in the folder" or diag $err;
}
for (@outside) {
    $d->put('doc/document.json', qq({"app":"b",@{[ $parts{list}->($_->[0]) ]}}));
    my ($code, undef, $err) = $d->run('apply', "$dir/doc/document.json",
        '--allow-outside');
    is $code, 0, "--allow-outside takes $_->[0]" or diag $err;
}

# Names in archives, which are refused whichever way they are read.
my %names = (
    "a\nb.txt"                  => 'a\\u{000A}b.txt',
    "\e[2Jx"                    => '\\u{001B}[2Jx',
    "x\x7f"                     => 'x\\u{007F}',
    "c1\xc2\x9b"                => 'c1\\u{009B}',
    "x\xe2\x80\xaegpj.exe"      => 'x\\u{202E}gpj.exe',
    "in/x\xe2\x81\xa6y"         => 'in/x\\u{2066}y',
    "mark\xe2\x80\x8f"          => 'mark\\u{200F}',
    "\xd8\x9carabic"            => '\\u{061C}arabic',
    "line\xe2\x80\xa8end"       => 'line\\u{2028}end',
);
sub archive {
    my ($kind, $name) = @_;
    my $file = "$dir/odd.$kind";
    unlink $file;
    my $script = $kind eq 'zip'
        ? 'import sys,zipfile;z=zipfile.ZipFile(sys.argv[1],"w",zipfile.'
            . 'ZIP_DEFLATED);z.writestr(sys.argv[2],"x"*5000);z.close()'
        : 'import sys,tarfile,io;t=tarfile.open(sys.argv[1],"w");i=tarfile.'
            . 'TarInfo(sys.argv[2]);i.size=5000;t.addfile(i,io.BytesIO(b"x"*'
            . '5000));t.close()';
    system($Ctl::PYTHON, '-c', $script, $file, $name) == 0 or die 'python3';
    return $file;
}
my @up = qw(--new-app --app a --kind upgrade --version 1.0);
my $turn = 0;
for my $name (sort keys %names) {
    my $shown = quotemeta $names{$name};
    for my $kind (qw(zip tar)[$turn++ % 2]) {
        my $file = archive($kind, $name);
        $d->refuses(qr/entry "$shown" has a control or bidirectional/,
            'publish', $file, @up, '--unpack', "$dir/out");
        ok !-e "$dir/out", '... nothing is unpacked';
    }
    $d->refuses(qr/entry "$shown" has a control or bidirectional/,
        'publish', archive('zip', $name), @up, '--store');
}
for my $name ("na\xc3\xafve caf\xc3\xa9.txt", "\xe6\x97\xa5\xe6\x9c\xac",
    "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "\xf0\x9f\x98\x80")
{
    my ($code, undef, $err) = $d->run('publish', archive('zip', $name), @up[0 .. 5],
        ++$turn . '.0', '--unpack', "$dir/out-" . unpack 'H*', $name);
    is $code, 0, 'names of other scripts are fine' or diag $err;
}

done_testing;
