#!/usr/bin/perl

# snapshot and restore: what comes back is what was there; a damaged, cut or
# hostile archive changes nothing and leaves nothing behind.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;
use Tree;

my ($memory) = grep { -d && -w } '/dev/shm';
my $dir = tempdir(CLEANUP => 1, defined $memory ? (DIR => $memory) : ());
my $d = Depot->new(dir => $dir, depot => "$dir/depot");
my $pub = "$dir/ops.pub";
my $common = Depot::noise('common', 20_000);
$d->put("v$_", $common . Depot::noise($_, 500)) for 1 .. 3;
$d->put('ids', join '', map { "user-$_\n" } 1 .. 3000);
$d->must('publish', "$dir/v$_", qw(--app a --kind upgrade --version), $_)
    for 1 .. 3;
$d->must(qw(list import a staff), "$dir/ids");
$d->must(qw(release a r --kind upgrade --version 3 --list staff));

sub spew {
    my ($path, $bytes) = @_;
    open my $file, '>:raw', $path or die "$path: $!";
    print $file $bytes;
    close $file or die "$path: $!";
}

sub sh { system('sh', '-ec', @_) == 0 }

# What it is, to those who ask.
sub shape {
    my ($d) = @_;
    local $d->{key};
    return join '', $d->export('a'), $d->must(qw(list show a staff)),
        $d->must('log'), JSON::PP->new->canonical->encode(
            $d->decides(qw(app=a kind=upgrade version=1 user=user-7)));
}

# Nothing of it stays beside the depot.
sub beside {
    opendir my $folder, $dir or die "$dir: $!";
    return join ' ', grep { /^\.tmp/ } readdir $folder;
}

# --- there

my $file = "$dir/one.snapshot";
my $out = do { local $d->{key}; $d->does('snapshot', $file) };
like $out, qr/^\Q$file\E: serial 5, \d+ files, \d+ bytes in \d+$/, 'says what';
is sprintf('%o', (stat $file)[2] & 07777), '600', 'for nobody else: ids are in it';
is join(' ', grep { /^\.tmp/ } $d->files('.')), '', 'leaves nothing in the depot';
my $shape = shape($d);
my $facts = $d->asks('snapshot', "$dir/two.snapshot");
is_deeply [$facts->{serial}, $facts->{archive_bytes}],
    [5, -s "$dir/two.snapshot"], 'json';

# Stock tools read it.
ok sh("mkdir $dir/x && cd $dir/x && tar --zstd -xf $file && sha256sum --quiet"
    . " -c SNAPSHOT"), 'tar and sha256sum';
is join(' ', sort map { s/.*\///r } glob "$dir/x/*"),
    'SNAPSHOT catalog feed files journal lists state', 'what is in it';

# --- and back, in a new place

my $e = Depot->new(dir => $dir, depot => "$dir/depot");
$e->{depot} = "$dir/new";
{
    local $e->{key};
    like $e->does('restore', $file), qr/: serial 5, \d+ files, /, 'restored';
}
is shape($e), $shape, 'the same';
$e->does('verify', '--pub', $pub);
is beside(), '', 'leaves nothing beside it';

sub modes {
    my ($d) = @_;
    my $tree = $d->tree;
    my %modes = map { $_ => join ' ', (split / /, $tree->{$_})[0 .. 2] }
        grep { !m{/catalog/[0-4]\.mdb|lock|PROVED} } keys %$tree;
    return \%modes;
}
is_deeply modes($e), modes($d), 'modes and owners as they were';
$e->must(qw(pause a r));
is $e->serial, 6, 'and goes on';

mkdir "$dir/empty";
$e->{depot} = "$dir/empty";
$e->does('restore', '--pub', $pub, $file);
is shape($e), $shape, 'in an empty folder';
$e->{depot} = "$dir/slash/";
$e->does('restore', $file);
is shape($e), $shape, 'a name with a slash';

# --- over another one

$e->{depot} = "$dir/empty";
$e->must(qw(list add a staff newcomer));
$e->put('v4', $common . Depot::noise(4, 500));
$e->must('publish', "$dir/v4", qw(--app a --kind upgrade --version 4));
my $newest = $e->asks('export', 'a')->{packages}[3]{sha256};
$e->refuses(qr/is a depot already: give --force/, 'restore', $file);
my $inode = (stat "$dir/empty/CURRENT")[1];
$e->does('restore', '--force', $file);
is shape($e), $shape, 'over another: as it was';
isnt +(stat "$dir/empty/CURRENT")[1], $inode, 'workers see it by CURRENT';
ok -s "$dir/empty/files/$newest", 'what devices fetch right now is there still';
is beside(), '', 'leaves nothing beside it';
$e->does('verify', '--pub', $pub);
SKIP: {
    skip 'not root', 2 if $> != 0;
    is $e->must('restore', '--force', '--user', 'daemon', $file) && join(' ',
        (stat "$dir/empty/state/data.mdb")[4, 5]),
        join(' ', (getpwnam 'daemon')[2, 3]), 'to a user';
    $e->must('restore', '--force', $file);
    is join(' ', (stat "$dir/empty/state")[4, 5]),
        join(' ', (getpwnam 'daemon')[2, 3]), 'who stays, if none is said';
}

# Over one that is broken.
spew("$dir/empty/journal/data.mdb", 'x' x 9000);
chmod 0644, glob "$dir/empty/catalog/*";
spew($_, '') for glob "$dir/empty/catalog/*";
$e->does('restore', '--force', $file);
is shape($e), $shape, 'over a broken one';

# By a link.
symlink "$dir/empty", "$dir/link";
$e->{depot} = "$dir/link";
$e->does('restore', '--force', $file);
ok -l "$dir/link", 'a link stays one';
$e->{depot} = "$dir/empty";
is shape($e), $shape, 'and what it leads to is restored';

# Not over what is no depot.
mkdir "$dir/other";
spew("$dir/other/precious", 'x');
$e->{depot} = "$dir/other";
my ($code, $said, $err) = $e->run('restore', '--force', $file);
is "$code:$said", '1:', 'what is no depot: refused';
like $err, qr/not empty/i, 'and why';
is join(' ', $e->files('.')), 'precious', 'and stays';
is beside(), '', 'leaves nothing beside it';
$e->{depot} = "$dir/empty";

# --- loaders that wait meanwhile

{
    my @pids = map { my $i = $_;
        my $pid = fork // die;
        if ($pid == 0) {
            open STDOUT, '>', '/dev/null';
            open STDERR, '>', "$dir/said-$i";
            $e->run(qw(list add a staff), "w$i-$_") for 1 .. 15;
            require POSIX;
            POSIX::_exit(0);
        }
        $pid
    } 1 .. 2;
    $e->must('restore', '--force', $file) for 1 .. 6;
    waitpid $_, 0 for @pids;
    my ($code, $out) = $e->run('verify', '--pub', $pub);
    is $code, 0, 'loaders beside it: whole' or diag $out;
    is beside(), '', 'and nothing is left';
    $e->must('restore', '--force', $file);
}

# --- a snapshot while loaders work

{
    my $pid = fork() // die;
    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        for (1 .. 200) {
            $d->run(qw(list add b l --new-app), "u$_");
            last if -e "$dir/stop";
        }
        require POSIX;
        POSIX::_exit(0);
    }
    my @wrong;
    for (1 .. 10) {
        my ($code, undef, $err) = $d->run('snapshot', "$dir/busy");
        push @wrong, $err if $code ne 0;
        ($code, undef, $err) = $e->run('restore', '--force', '--pub', $pub,
            "$dir/busy");
        push @wrong, $err if $code ne 0;
    }
    spew("$dir/stop", '');
    waitpid $pid, 0;
    is_deeply \@wrong, [], 'beside a loader';
    $e->must('restore', '--force', $file);
}

# --- archives that are not whole, or not ours

sub refused {
    my ($name, $archive, $words) = @_;
    my $before = $e->tree;
    my ($code, $out, $err) = $e->run('restore', '--force', $archive);
    is "$code:$out", '1:', "$name: exit 1";
    like $err, $words, "$name: says why";
    $e->untouched($before, $name);
    is beside(), '', "$name: nothing is left";

    my $fresh = Depot->new(dir => $dir, depot => $e->{depot});
    $fresh->{depot} = "$dir/fresh";
    ($code) = $fresh->run('restore', $archive);
    is $code, 1, "$name: nor anew";
    ok !-e "$dir/fresh", "$name: nothing is made";
}

my $bytes = Ctl::read_file($file);
for my $size (0, 1, 100, int(length($bytes) / 2), length($bytes) - 1) {
    spew("$dir/cut", substr $bytes, 0, $size);
    refused("cut to $size", "$dir/cut", qr/\Amdsctl: /);
}
srand 3;
my $missed = 0;
for (1 .. 15) {
    my $copy = $bytes;
    my $at = int rand length $copy;
    substr($copy, $at, 1) = chr(ord(substr $copy, $at, 1) ^ (1 << int rand 8));
    spew("$dir/flipped", $copy);
    my ($code) = $e->run('restore', '--force', "$dir/flipped");
    $missed++ if $code eq '0' && shape($e) ne $shape;
}
is $missed, 0, 'flipped bits: found, or without effect';
is shape($e), $shape, 'and nothing has changed';

# A tar of our own: name to bytes, or what else tar can make.
sub tarball {
    my ($script) = @_;
    sh("rm -rf $dir/t && cp -r $dir/x $dir/t && cd $dir/t && { $script; } &&"
        . " : ") or die $script;
    return "$dir/evil";
}

my $all = 'find . -type f ! -name SNAPSHOT -printf "%P\n" | sort > ../names;'
    . ' echo SNAPSHOT >> ../names;';
my $sums = 'find . -type f ! -name SNAPSHOT -printf "%P\n" | sort |'
    . ' xargs sha256sum > SNAPSHOT;';
my $pack = 'tar --zstd -cf ../evil --no-recursion -T ../names';

ok tarball("$sums $all $pack"), 'a tar of our own';
$e->does('restore', '--force', "$dir/evil");
is shape($e), $shape, 'is restored';

refused('a foreign name', tarball("echo x > readme; $sums $all $pack"),
    qr/"readme" does not belong/);
refused('a foreign name in a folder',
    tarball("echo x > files/readme; $sums $all $pack"),
    qr/"files\/readme" does not belong/);
refused('a way out', tarball("$sums $all "
    . "tar --zstd -P -cf ../evil --no-recursion --transform 's,^catalog/,../../catalog/,' -T ../names"),
    qr/"\.\.\/\.\.\/catalog\/5\.mdb" does not belong/);
refused('from the root', tarball("$sums $all "
    . "tar --zstd -P -cf ../evil --no-recursion --transform 's,^catalog/,/tmp/catalog/,' -T ../names"),
    qr/"\/tmp\/catalog\/5\.mdb" does not belong/);
refused('a symbolic link', tarball("$sums rm state/data.mdb;"
    . " ln -s /etc/passwd state/data.mdb; find . -type l -printf '%P\\n' > ../names; "
    . "$pack"), qr/is a symbolic link/);
refused('a folder that is a link', tarball("$sums $all rm -r files;"
    . " ln -s /tmp files; sed -i '/files/d' ../names; "
    . "{ echo files; cat ../names; } > ../n2; mv ../n2 ../names; $pack"),
    qr/"files" is a symbolic link/);
refused('a hard link', tarball("$sums ln state/data.mdb files/" . 'a' x 64
    . "; $all $pack"), qr/hard link/);
refused('a folder', tarball("$sums echo files > ../names; $pack"),
    qr/"files\/?" does not belong/);
refused('the same twice', tarball("$sums $all"
    . " { grep ^files ../names | head -1; cat ../names; } > ../n2;"
    . " tar --zstd --hard-dereference -cf ../evil --no-recursion -T ../n2"),
    qr/"files\/\w+" is in the archive twice/);
refused('a file too much', tarball("$sums echo x > files/" . 'a' x 64
    . "; $all $pack"), qr/does not name all files/);
refused('a sum twice, another not at all', tarball("$sums"
    . " sed -i '\$d' SNAPSHOT; sed -n 1p SNAPSHOT >> SNAPSHOT; $all $pack"),
    qr/names \S+ twice/);
refused('a file too few', tarball("$sums rm lists/*.ids; $all $pack"),
    qr/is not in the archive/);
refused('another file', tarball("$sums echo x >> state/data.mdb; $all $pack"),
    qr/state\/data\.mdb is damaged/);
refused('sums and file changed', tarball('f=$(ls files/* | grep -v minisig | '
    . "head -1); chmod u+w \$f; echo x >> \$f; $sums $all $pack"),
    qr/not complete: \d+ problem/);
refused('no journal', tarball("rm journal/data.mdb; $sums $all $pack"),
    qr/is not a snapshot/);
refused('no generation', tarball("rm catalog/*; $sums $all $pack"),
    qr/is not a snapshot/);
refused('no end', tarball("$sums $all sed -i '/SNAPSHOT/d' ../names; $pack"),
    qr/cut short/);
refused('behind the end', tarball("$sums $all sed -i '/SNAPSHOT/d' ../names;"
    . " { head -1 ../names; echo SNAPSHOT; sed 1d ../names; } > ../n2;"
    . " mv ../n2 ../names; $pack"), qr/does not name|not in the archive/);
refused('a bomb', tarball("head -c 1200M /dev/zero > files/" . 'b' x 64
    . "; printf 'files/" . 'b' x 64 . "\\n' > ../names; $pack"),
    qr/grows to more than 1024 times/) if $ENV{MDS_SLOW};
refused('no archive', "$dir/v1", qr/neither a zip nor a tar/);
refused('nothing', "$dir/none", qr/No such file/);

# By another's key.
{
    Ctl::ctl('keygen', "$dir/other");
    my ($code, $out, $err) = $e->run('restore', '--force', '--pub',
        "$dir/other.pub", $file);
    is $code, 1, 'another key: refused';
    like $err, qr/which is not given/, 'and why';
    is beside(), '', 'and nothing is left';
}

# --- killed at every call

SKIP: {
    my $cc = $ENV{CC} // 'cc';
    system("$cc -shared -fPIC -o $dir/killer.so '$FindBin::Bin/lib/killer.c' -ldl")
        == 0 or skip 'no compiler', 1;
    my $strike = sub {
        my ($at, @command) = @_;
        local $ENV{LD_PRELOAD} = join ' ', grep { length }
            $ENV{TEST_NGINX_PRELOAD} // '', "$dir/killer.so";
        local $ENV{KILLER_AT} = $at;
        return ($e->run(@command))[0];
    };

    $e->must(qw(pause a r));
    my $paused = shape($e);
    copy_tree("$dir/empty", "$dir/paused");
    my ($at, $restored, @wrong) = (0, 0);
    for (;;) {
        copy_tree("$dir/paused", "$dir/empty");
        my $end = $strike->(++$at, 'restore', '--force', $file);
        $e->own_state if $at % 2 && -d "$dir/empty/state";
        my $now = eval { shape($e) } // "none: $@";
        push @wrong, "call $at: $now" if $now ne $shape && $now ne $paused;
        push @wrong, "call $at: $end" if $end eq '0' && $now ne $shape;
        my ($code, $out) = $e->run('verify', '--pub', $pub);
        push @wrong, "call $at: $out" if $code ne 0;
        ($code, undef, my $err) = $e->run('restore', '--force', $file);
        push @wrong, "call $at, again: $err" if $code ne 0;
        push @wrong, "call $at: left: $_" for glob "$dir/.tmp-*";
        $restored++ if $now eq $shape;
        last if $end eq '0' || @wrong > 3;
    }
    is_deeply \@wrong, [], "restore: killed at each of $at calls";
    cmp_ok $at, '>', 30, 'there are some';
    cmp_ok $restored, '>', 2, 'some behind the exchange';

    ($at, @wrong) = 0;
    for (;;) {
        unlink "$dir/killed";
        my $end = $strike->(++$at, 'snapshot', "$dir/killed");
        push @wrong, "call $at: a file" if $end ne '0' && -e "$dir/killed"
            && ($e->run('restore', '--force', "$dir/killed"))[0] ne '0';
        my ($code, $out) = $e->run('verify', '--pub', $pub);
        push @wrong, "call $at: $out" if $code ne 0;
        # the next of its sort, or gc
        $at % 2 ? $e->must('gc') : $e->must('snapshot', "$dir/next");
        push @wrong, "call $at: left: $_" for glob "$dir/empty/.tmp-*";
        unlink glob "$dir/.tmp-*";
        last if $end eq '0' || @wrong > 3;
    }
    is_deeply \@wrong, [], "snapshot: killed at each of $at calls";
}

# What is held by one who is at work stays.
{
    mkdir "$d->{depot}/.tmp-snapshot-$_" for qw(atwork killed);
    sysopen my $at_work, "$d->{depot}/.tmp-snapshot-atwork", 0 or die $!;
    flock $at_work, 2 or die $!;
    $d->must('gc', '--dry-run');
    ok -d "$d->{depot}/.tmp-snapshot-killed", 'a dry run removes nothing';
    $d->must('gc');
    ok !-d "$d->{depot}/.tmp-snapshot-killed", 'left by one who was killed: gone';
    ok -d "$d->{depot}/.tmp-snapshot-atwork", 'held by one at work: stays';
    close $at_work;
    $d->must('gc');
    ok !-d "$d->{depot}/.tmp-snapshot-atwork", 'let go of: gone';
}

$d->misused(qr/./, 'snapshot');
$d->misused(qr/./, 'restore');
$d->refuses(qr/none/, 'snapshot', "$dir/none/file");

done_testing;
