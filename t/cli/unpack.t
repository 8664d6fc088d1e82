#!/usr/bin/perl

# publish --unpack: the files of a package laid out for nginx, whole or not at
# all, and nothing anywhere else.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Find qw(find);
use Test::More;

use Ctl ();
use Depot;
use Pack;

my $d   = Depot->new(user => 'root');
my $web = "$d->{dir}/web";
my $n   = 0;

sub args {
    my ($file, $version, @more) = @_;
    return ('publish', $file, qw(--app a --kind bundle --name home --version),
        $version, @more);
}

# Path to "mode size", all that is under a folder.
sub laid_out {
    my ($dir) = @_;
    my %all;
    find({ no_chdir => 1, wanted => sub {
        my @st = lstat $_;
        return if m{/\.mds(/|$)};  # what browsers need: assets.t
        $all{ substr $_, length $dir } = sprintf '%o', $st[2];
    } }, $dir) if -e $dir;
    return \%all;
}

# All but the depot, which has generations that go.
sub beside {
    my $all = laid_out($d->{dir});
    return { map { $_ => $all->{$_} } grep { !m{^/depot/} } keys %$all };
}

# --- a zip, and where it goes

my @home = ([ 'index.html', '<html>' x 100 ], [ 'js/', '' ],
    [ 'js/app.js', 'run();' x 50, { mode => 0100755 } ],
    [ 'img/deep/logo.png', 'png', { method => 0, mode => 0100600 } ],
    [ "\xe6\x9b\xb4.js", 'utf8' ], [ 'empty', '' ]);
my %home = ('' => '40755', '/index.html' => '100644', '/js' => '40755',
    '/js/app.js' => '100644', '/img' => '40755', '/img/deep' => '40755',
    '/img/deep/logo.png' => '100644', "/\xe6\x9b\xb4.js" => '100644',
    '/empty' => '100644');

my $zip = $d->put('home.zip', Pack::zip(@home));
{
    my $mask = umask 077;
    $d->must(args($zip, '1.0', '--unpack', $web));
    umask $mask;
}
is_deeply laid_out("$web/1.0"), \%home, 'files and folders, with their modes';
is Ctl::read_file("$web/1.0$_->[0]"), $_->[1], "$_->[0]: its bytes"
    for map { [ "/$_->[0]", $_->[1] ] } grep { $_->[0] !~ m{/$} } @home;
is_deeply [ sort keys %{ laid_out($web) } ],
    [ sort '', map { "/1.0$_" } keys %home ], 'nothing else is there';
is sprintf('%o', (stat $web)[2] & 0777), '755', 'the folder is made';

# --- each version has a time of its own, for validators

my $v10 = (stat "$web/1.0/index.html")[9];
cmp_ok abs($v10 - time), '<', 100, 'the time is that of unpacking';
is((stat "$web/1.0/js/app.js")[9], $v10, '... of all its files');
$d->must(args($zip, '1.1', '--unpack', $web));
$d->must(args($zip, '1.2', '--unpack', $web));
is((stat "$web/1.1/index.html")[9] <=> $v10, 1, 'another version: another time');
is((stat "$web/1.2/index.html")[9] <=> (stat "$web/1.1/index.html")[9], 1,
    '... and another');

# --- again

my $serial = $d->serial;
$d->must(args($zip, '1.0', '--unpack', $web));
is $d->serial, $serial, 'again: no change';
is((stat "$web/1.0/index.html")[9], $v10, '... and nothing is touched');
$d->must(args($zip, '1.0', '--unpack', "$d->{dir}/other"));
is_deeply laid_out("$d->{dir}/other/1.0"), \%home, 'a second place, later';
$d->must(args($zip, '1.0.0', '--unpack', "$d->{dir}/third"));
is_deeply [ sort map { m{^/([^/]+)$} } keys %{ laid_out("$d->{dir}/third") } ],
    ['1.0'], 'the name is the version as it was published';

for my $case (
    [ 'other bytes',  sub { $d->put('web/2.%s/index.html', 'other') } ],
    [ 'a file more',  sub { $d->put('web/2.%s/more', '') } ],
    [ 'a file less',  sub { unlink "$web/2.%s/empty" } ],
    [ 'a link',       sub { unlink "$web/2.%s/empty";
                            symlink 'index.html', "$web/2.%s/empty" } ],
    [ 'a folder',     sub { unlink "$web/2.%s/empty";
                            mkdir "$web/2.%s/empty" } ],
    [ 'a file itself', sub { Ctl::read_file('/dev/null');
                            system 'rm', '-rf', "$web/2.%s";
                            $d->put('web/2.%s', '') } ])
{
    my ($what, $break) = @$case;
    my $version = '2.' . ++$n;
    my $one = Depot->new(user => 'root', key => $d->{key});
    $one->must(args($zip, $version, '--unpack', $web));
    rename "$web/$version", "$web/2.%s" or die $!;
    $break->();
    rename "$web/2.%s", "$web/$version" or die $!;
    my $before = laid_out($web);
    $d->refuses("web/$version\" exists already and differs",
        args($zip, $version, '--unpack', $web));
    is_deeply laid_out($web), $before, "$what: it is left alone";
}
system 'rm', '-rf', glob "$web/2.*";

# --- tars

my $tar = Pack::tar([ './', '' ], [ './index.html', 'index' ],
    [ './js/', '' ], [ './js/app.js', 'app' x 400 ], [ 'x' x 90, 'y', {
    prefix => 'p' x 100 } ]);
my %tools = ('' => 'cat', gz => 'gzip', xz => 'xz', zst => 'zstd -q');
for my $suffix (sort keys %tools) {
    my $file = $d->put('t.tar', $tar);
    system "$tools{$suffix} <$file >$d->{dir}/t.tar.$suffix" and die $suffix;
    my $version = '3.' . ++$n;
    $d->must(args("$d->{dir}/t.tar.$suffix", $version, '--unpack', $web));
    is_deeply laid_out("$web/$version"), { '' => '40755',
        '/index.html' => '100644', '/js' => '40755', '/js/app.js' => '100644',
        '/' . 'p' x 100 => '40755', '/' . 'p' x 100 . '/' . 'x' x 90 =>
        '100644' }, "tar $tools{$suffix}";
    is Ctl::read_file("$web/$version/js/app.js"), 'app' x 400, '... its bytes';
}

# A zip that was written to a pipe has its sizes behind the data.
$d->must(args($d->put('piped.zip', Pack::zip([ 'a', 'b' x 999,
    { flags => 0x808 } ])), '4.0', '--unpack', $web));
is Ctl::read_file("$web/4.0/a"), 'b' x 999, 'a zip from a pipe';

# --- names as they are: of é, a letter and an accent are not made one

# A tar with the name in a header of its own, as pax has it.
sub pax {
    return Pack::tar(map {
        my ($name, $data) = @$_;
        my $record = " path=$name\n";
        my $len = length($record) + 2;
        ([ 'pax', $len . $record, { type => 'x' } ], [ 'short', $data ]);
    } @_);
}

for my $form ('zip', 'tar', 'pax') {
    my $version = '4.' . ++$n;
    my @names = ("cafe\xcc\x81.js", "caf\xc3\xa9.js", "\xe1\x84\x92\xe1\x85\xa1");
    my $bytes = ($form eq 'pax' ? \&pax : Pack->can($form))->(map { [ $_, "of $_" ] } @names);
    $d->must(args($d->put("nfd.$form", $bytes), $version, '--unpack', $web));
    is_deeply [ sort keys %{ laid_out("$web/$version") } ],
        [ sort '', map { "/$_" } @names ], "$form: each name as it stands there";
    is Ctl::read_file("$web/$version/$names[0]"), "of $names[0]", '... its bytes';
}

# --- what does not belong there

my $long = 'l' x 256;
my $deep = join '/', ('d') x 70;
my @wrong = (
    [ 'an absolute path',    [ '/etc/x', 'x' ] ],
    [ 'component "\.\."',    [ '../x', 'x' ] ],
    [ 'component "\.\."',    [ 'a/../../x', 'x' ] ],
    [ 'component "\.\."',    [ 'a/..', 'x' ] ],
    [ 'component "\.\."',    [ '..', 'x' ] ],
    [ 'component "\."',      [ 'a/./x', 'x' ] ],
    [ 'component "\."',      [ '././x', 'x' ] ],
    [ 'empty component',     [ 'a//x', 'x' ] ],
    [ 'over 255 bytes',      [ "a/$long", 'x' ] ],
    [ 'over 64 directories',     [ "$deep/x", 'x' ] ],
    [ 'occurs twice',        [ 'x', '1' ], [ 'x', '2' ] ],
    [ 'occurs twice',        [ 'x', '1' ], [ './x', '2' ] ],
    [ 'lies below a file', [ 'x', '1' ], [ 'x/y', '2' ] ],
    [ 'occurs twice',        [ 'x/y', '2' ], [ 'x', '1' ] ],
);
for my $case (@wrong) {
    my ($words, @entries) = @$case;
    for my $form ('zip', 'tar') {
        my ($name) = $entries[-1][0] =~ /(.*)/;
        next if $form eq 'tar' && length $name > 99;
        my $bytes = $form eq 'zip' ? Pack::zip([ 'ok', 'ok' ], @entries)
                                   : Pack::tar([ 'ok', 'ok' ], @entries);
        my $file  = $d->put('wrong', $bytes);
        my $before = beside();
        $d->refuses('entry "' . quotemeta(substr $name, 0, 40)
            . "[^\"]*\" [^\n]*$words", args($file, '9.0', '--unpack', $web));
        is_deeply beside(), $before, "$form, $name: nothing stays";
        $d->refuses($words, args($file, '9.0', '--unpack', "$d->{dir}/new"));
        ok !-e "$d->{dir}/new", '... nor a folder that was not there';
    }
}

my @kinds = ([ 'a symbolic link', 2, 0120777 ], [ 'a hard link', 1 ],
    [ 'a device', 3, 020666 ], [ 'a pipe', 6, 010666 ]);
for my $case (@kinds) {
    my ($words, $type, $mode) = @$case;
    my $entry = [ 'sub/evil', '', { type => $type, link => 'ok' } ];
    $d->refuses("entry \"sub/evil\" is $words", args($d->put('wrong',
        Pack::tar([ 'ok', 'ok' ], $entry)), '9.0', '--unpack', $web));
    $d->refuses("entry \"sub/evil\" is $words", args($d->put('wrong',
        Pack::zip([ 'ok', 'ok' ], [ 'sub/evil', '/etc/passwd',
            { mode => $mode, method => 0 } ])), '9.0', '--unpack', $web))
        if $type == 2;
    ok !-e "$web/9.0", '... nothing is there';
}

# A link in the way of a later entry is refused before it could be followed.
$d->refuses('symbolic link', args($d->put('wrong', Pack::tar(
    [ 'up', '', { type => 2, link => $d->{dir} } ], [ 'up/x', 'x' ])), '9.0',
    '--unpack', $web));
ok !-e "$d->{dir}/x", 'nothing is written through a link';

$d->refuses('zero byte in its name', args($d->put('wrong', Pack::zip(
    [ "a\0b", 'x' ])), '9.0', '--unpack', $web));
$d->refuses('entry 1, "[^"]+", is not valid UTF-8', args($d->put('wrong',
    Pack::tar([ "\xff", 'x' ])), '9.0', '--unpack', $web));
$d->refuses('entry 2, "caf\\\\xe9", is not valid UTF-8', args($d->put('wrong',
    Pack::zip([ 'ok', 'x' ], [ "caf\xe9", 'x', { flags => 0 } ])), '9.0',
    '--unpack', $web));
$d->refuses('entry "bad": ', args($d->put('wrong', Pack::zip([ 'ok', 'x' ],
    [ 'bad', 'x' x 99, { crc => 1 } ])), '9.0', '--unpack', $web));
$d->refuses('entry "b" has another name in its local header',
    args($d->put('wrong', Pack::zip([ 'b', 'x', { local => 'c' } ])), '9.0',
    '--unpack', $web));
$d->refuses('neither a zip nor a tar', args($d->put('wrong', 'neither'), '9.0',
    '--unpack', $web));
$d->refuses('neither a zip nor a tar', args($d->put('wrong', ''), '9.0', '--unpack',
    $web));
$d->refuses('', args($d->put('wrong', substr Pack::zip(@home), 0, 300), '9.0',
    '--unpack', $web));
$d->refuses('', args($d->put('wrong', substr $tar, 0, 2600), '9.0', '--unpack',
    $web));
$d->refuses('', args($d->put('wrong', Pack::zip([ 'a', 'x' x 99,
    { crc => 1 } ])), '9.0', '--unpack', $web));
$d->misused('want a version', args($zip, '../x', '--unpack', $web));
$d->refuses('Not a directory', args($zip, '9.0', '--unpack', $zip));
$d->refuses('No such file', args($zip, '9.0', '--unpack', "$web/no/such"));

# --- bombs end early

my $bomb = $d->put('bomb', Pack::zip([ 'bomb', "\0" x (20 << 20) ]));
$d->refuses('over 100 times its size; --unpack-bytes N allows it',
    args($bomb, '9.0', '--unpack', $web));
$d->must(args($bomb, '5.0', '--unpack', $web, '--unpack-bytes', 20 << 20));
is -s "$web/5.0/bomb", 20 << 20, '... unless it is allowed';
$d->refuses('over 2999 bytes; --unpack-bytes N allows more',
    args($d->put('wrong', Pack::tar([ 'a', 'x' x 1500 ], [ 'b', 'x' x 1500 ])),
    '9.0', '--unpack', $web, '--unpack-bytes', 2999));
$d->refuses('over 3 files and directories', args($d->put('wrong', Pack::zip(
    [ 'a/b/c', 'x' ], [ 'd', 'x' ])), '9.0', '--unpack', $web,
    '--unpack-entries', 3));
$d->must(args($d->put('right', Pack::zip([ 'a/b/c', 'x' ], [ 'd', 'x' ])),
    '6.0', '--unpack', $web, '--unpack-entries', 4));
$d->misused('--unpack-bytes: "1k" is not a number', args($zip, '9.0', '--unpack',
    $web, '--unpack-bytes', '1k'));

# --- a change that fails afterwards takes the files with it

my $seven = $d->put('seven.zip', Pack::zip([ 'index.html', '7' ]));
{
    local $d->{key};
    my ($code, undef, $err) = $d->run(args($seven, '7.0', '--unpack', $web));
    is "$code:" . ($err =~ /must be signed/ ? 1 : $err), '1:1', 'no key';
    ok !-e "$web/7.0", '... takes the unpacked copy away';
    ($code) = $d->run(args($seven, '7.0', '--unpack', "$d->{dir}/fresh"));
    ok !-e "$d->{dir}/fresh", '... and its folder';
}
$d->must(args($seven, '7.0', '--unpack', $web));
{
    my $one = Depot->new(user => 'root', key => $d->{key});
    local $one->{key};
    my ($code) = $one->run(args($seven, '7.0', '--unpack', $web));
    is $code, 1, 'no key, elsewhere';
    ok -e "$web/7.0/index.html", '... and what was there before stays';
}

# What one that was killed has left is no obstacle.
mkdir "$web/.tmp-8.0" and $d->put('web/.tmp-8.0/index.html', 'old');
symlink '/', "$web/.tmp-8.0/js";
$d->must(args($zip, '8.0', '--unpack', $web));
is_deeply laid_out("$web/8.0"), \%home, 'remains of another are replaced';
is_deeply [ grep { m{^/\.} } keys %{ laid_out($web) } ], [], '... and gone';
ok -d '/etc', '... alone';

done_testing;
