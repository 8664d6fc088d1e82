#!/usr/bin/perl

# verify: silent on a good depot, and one line for each thing that is wrong,
# whatever it is; each damage here is seen.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;

my $dir = tempdir(CLEANUP => 1);
my $good = Depot->new(dir => $dir, depot => "$dir/good");
my $pub = "$dir/ops.pub";
my $common = Depot::noise('common', 20_000);
$good->put("v$_", $common . Depot::noise($_, 500)) for 1 .. 3;
$good->put('ids', join '', map { "user-$_\n" } 1 .. 3000);

$good->must('publish', "$dir/v$_", qw(--app a --kind upgrade --version), $_)
    for 1 .. 3;
$good->must(qw(list import a staff), "$dir/ids");
$good->must(qw(release a r --kind upgrade --version 3 --list staff));
$good->must(qw(list add b other x --new-app));
$good->put_json('doc.json', { app => 'c', releases => [ { id => 's',
    kind => 'config', name => 'k', value => 1,
    audience => { all => JSON::PP::true } } ] });
$good->must('apply', "$dir/doc.json");

# --- a good one

{
    local $good->{key};
    my $before = $good->tree;
    my $out = $good->does('verify', '--pub', $pub);
    like $out, qr/^serial 7: 6 generations, /, 'counts';
    like $out, qr/^\d+\ signatures\ checked\n
        key\ \w{16}:\ \d+\ signatures\nno\ problems\n\z/mx, 'no problems';
    like $good->does('verify'), qr/^\d+ signatures, of which only the form was checked: give --pub to verify them$/m,
        'without a key, signatures are not verified';
    $good->untouched($before, 'verify');

    my $facts = $good->asks('verify', '--pub', $pub);
    is_deeply $facts->{problems}, [], 'json: no problems';
    is_deeply [@$facts{qw(serial apps changes files lists)}],
        [7, 3, 7, 6, 1], 'json: counts';
    cmp_ok $facts->{manifests}, '>=', 3, 'json: full and differences';
    is $facts->{signatures}, $facts->{manifests} + 7,
        'json: of manifests, twice of packages, and of the head of the feed';
    is_deeply [map { $_->{signatures} } @{ $facts->{keys} }],
        [$facts->{signatures}], 'json: all by one key';
}

my $other = Depot->new(dir => $dir, depot => "$dir/good",
    key => "$dir/other.key");
my ($code, $out, $err) = $good->run('verify', '--pub', "$dir/other.pub");
is $code, 1, 'another key: exit 1';
like $out, qr/^files\/[\w.]+\.minisig: is of key \w{16}, which is not given$/m,
    'another key: files';
like $out, qr/^catalog\/\d\.mdb, manifest of r: is signed by key \w{16}, which/m,
    'another key: manifests';
is((() = $out =~ /^catalog.*manifest of r:/mg), 3, 'each manifest once');
like $err, qr/^mdsctl: \d+ problems$/, 'how many';
$good->does('verify', '--pub', $pub, '--pub', "$dir/other.pub");

# --- damage: a name, what is done, what is said

my ($sha) = map { $_->{sha256} } @{ $good->asks('export', 'a')->{packages} };
my ($list) = map { s/\.mdb//r } grep { /mdb/ } $good->files('lists');
my $delta = $good->decides(qw(app=a kind=upgrade version=1 user=user-1))
    ->{manifest}{delta}{sha256};
my ($unused) = grep { !/minisig|$delta/ && -s "$dir/good/files/$_" < 15_000 }
    $good->files('files');
my $trials = 0;

sub trial {
    my $to = "$dir/trial-" . $trials++;
    system('cp', '-a', "$dir/good", $to) == 0 or die 'cp';
    return Depot->new(dir => $dir, depot => $to, key => "$dir/ops.key");
}

# Changes a byte; -1 is the last.
sub flip {
    my ($path, $at) = @_;
    chmod 0644, $path;
    my $bytes = Ctl::read_file($path);
    substr($bytes, $at, 1) = chr(ord(substr $bytes, $at, 1) ^ 1);
    spew($path, $bytes);
}

sub spew {
    my ($path, $bytes) = @_;
    open my $file, '>:raw', $path or die "$path: $!";
    print $file $bytes;
    close $file or die "$path: $!";
}

sub cut {
    my ($path, $size) = @_;
    chmod 0644, $path;
    truncate $path, $size or die "$path: $!";
}

sub finds {
    my ($name, $damage, @words) = @_;
    my $d = trial();
    $damage->($d->{depot});
    my ($code, $out, $err) = $d->run('verify', '--pub', $pub);
    is $code, 1, "$name: exit 1";
    like $err, qr/\Amdsctl: \d+ problems?\n\z/, "$name: says how many"
        or diag $out;
    like $out, $_, "$name: says what" for @words;
    my @problems = grep { !/^(?:serial|\d+ signatures|key \w{16}: )/ } split /\n/, $out;
    is $err, sprintf("mdsctl: %d problem%s\n", scalar @problems,
        @problems > 1 ? 's' : ''), "$name: a line each";
    my %seen;
    is_deeply [ grep { !/manifest of/ && $seen{$_}++ } @problems ], [], "$name: each once";

    ($code, $out) = $d->run('--json', 'verify', '--pub', $pub);
    my $facts = eval { JSON::PP->new->utf8->decode($out) };
    is $facts && @{ $facts->{problems} }, scalar @problems, "$name: json";
    system 'rm', '-rf', $d->{depot};
}

finds('a flipped bit in a package', sub { flip("$_[0]/files/$sha", 5000) },
    qr/^files\/$sha: damaged: its SHA-256 is/m,
    qr/^files\/$sha\.minisig: /m);
finds('a flipped bit in a difference', sub { flip("$_[0]/files/$delta", 100) },
    qr/^files\/$delta: damaged/m);
finds('a package cut short', sub { cut("$_[0]/files/$sha", 10) },
    qr/^files\/$sha: damaged/m);
finds('a difference that is gone', sub { unlink "$_[0]/files/$delta" },
    qr/^catalog\/\d\.mdb, manifest of r: delta: .*$delta.*No such file/m,
    qr/^journal: delta to \w{64}: .*$delta/m);
finds('one that no release uses', sub { unlink "$_[0]/files/$unused" },
    qr/^journal: delta to \w{64}: .*$unused/m);
finds('a package that is gone', sub { unlink "$_[0]/files/$sha" },
    qr/^files\/$sha\.minisig: is the signature of nothing/m);
finds('a signature that is gone', sub { unlink "$_[0]/files/$sha.minisig" },
    qr/^journal, app a: files\/$sha\.minisig does not exist/m);
finds('the signatures by the key are gone', sub {
    unlink glob "$_[0]/files/*.*.minisig"
}, qr/^journal, app a: files\/$sha\.\w{16}\.minisig does not exist/m,
    qr/^catalog\/\d\.mdb, manifest of r: full: files\/\w+\.\w{16}\.minisig does not exist/m);
finds('a signature under the name of another key', sub {
    my ($own) = glob "$_[0]/files/$sha.*.minisig";
    rename $own, $own =~ s/\w{16}(?=\.minisig)/0123456789ABCDEF/r or die $!;
}, qr/^files\/$sha\.0123456789ABCDEF\.minisig: is of another key, \w{16}$/m);
finds('a signature of something else', sub {
    my @other = grep { /minisig/ && !/$sha/ } $good->files('files');
    unlink "$_[0]/files/$sha.minisig";
    spew("$_[0]/files/$sha.minisig", Ctl::read_file("$_[0]/files/$other[0]"))
}, qr/^files\/$sha\.minisig: /m);
finds('a signature that is none', sub {
    unlink "$_[0]/files/$sha.minisig"; spew("$_[0]/files/$sha.minisig", "x\n")
}, qr/^files\/$sha\.minisig: /m);
finds('what does not belong there', sub {
    spew("$_[0]/files/readme", 'x'); spew("$_[0]/lists/readme", 'x');
    spew("$_[0]/catalog/07.mdb", 'x'); mkdir "$_[0]/files/dir";
    symlink '/etc/passwd', "$_[0]/files/" . 'a' x 64;
}, map { qr/^\Q$_\E: does not belong here/m } qw(files/readme lists/readme
    catalog/07.mdb));
finds('no regular file', sub { mkdir "$_[0]/$_/dir" for qw(catalog files) },
    map { qr/^$_\/dir: is not a regular file/m } qw(catalog files));

finds('a flipped bit in a list', sub { flip("$_[0]/lists/$list.mdb", 9000) },
    qr/^lists\/$list\.mdb: .*damaged/m);
finds('a list cut short', sub { cut("$_[0]/lists/$list.mdb", 4096) },
    qr/^lists\/$list\.mdb: /m, qr/^catalog\/7\.mdb: .*list/m);
finds('a list that is gone', sub { unlink "$_[0]/lists/$list.mdb" },
    qr/^journal, app a: list staff: .*No such file/m);
finds('a flipped bit in the ids', sub { flip("$_[0]/lists/$list.ids", 90) },
    qr/^lists\/$list\.ids: damaged/m);
finds('ids that are gone', sub { unlink "$_[0]/lists/$list.ids" },
    qr/^lists\/$list\.mdb: has no \.ids beside it/m);

finds('a flipped bit in a generation', sub { flip("$_[0]/catalog/5.mdb", 9000) },
    qr/^catalog\/5\.mdb: .*damaged/m);
finds('a generation under a wrong name', sub {
    unlink "$_[0]/catalog/7.mdb";
    system 'cp', "$_[0]/catalog/6.mdb", "$_[0]/catalog/7.mdb"
}, qr/^catalog\/7\.mdb: .*identity/m);
finds('a generation cut short', sub { cut("$_[0]/catalog/7.mdb", 5000) },
    qr/^catalog\/7\.mdb: .*truncated/m);
finds('no generation', sub { unlink "$_[0]/catalog/7.mdb" },
    qr/^catalog\/7\.mdb: is in force: .*No such file/m);

finds('CURRENT behind', sub {
    spew("$_[0]/CURRENT", substr(Ctl::read_file("$_[0]/CURRENT"), 0, 8)
        . pack 'Q', 6)
}, qr/^CURRENT: names generation 6, and the journal's last change is 7/m);
finds('the journal cut short', sub { cut("$_[0]/journal/data.mdb", 12288) },
    qr/^journal: /m);
finds('no journal', sub { unlink "$_[0]/journal/data.mdb" },
    qr/^journal\/data\.mdb: does not exist/m);
finds('another journal', sub {
    my $e = Depot->new(dir => $dir, depot => "$dir/empty");
    system 'cp', "$dir/empty/journal/data.mdb", "$_[0]/journal/data.mdb"
}, qr/^CURRENT: names generation 7, .* is 0/m);
finds('no state', sub { unlink "$_[0]/state/data.mdb" },
    qr/^state\/data\.mdb: does not exist/m);
finds('state that is none', sub { spew("$_[0]/state/data.mdb", 'x' x 8192) },
    qr/^state: /m);

# Bits in the journal, anywhere: found or not, it is survived.
{
    my $d = trial();
    my $bytes = Ctl::read_file("$d->{depot}/journal/data.mdb");
    my %codes;
    srand 7;
    for (1 .. 20) {
        my $copy = $bytes;
        substr($copy, rand length $copy, 1) = chr int rand 256 for 1 .. 200;
        spew("$d->{depot}/journal/data.mdb", $copy);
        $codes{ ($d->run('verify'))[0] }++;
    }
    is_deeply [grep { !/^[01]$/ } keys %codes], [], 'noise in the journal';
    cmp_ok $codes{1} // 0, '>', 10, 'and mostly found';
}

# --- while loaders work, nothing is wrong

{
    my $d = trial();
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        for my $i (1 .. 400) {
            $d->run(qw(list add b other --new-app), "u$i");
            last if -e "$dir/stop";
        }
        require POSIX;
        POSIX::_exit(0);
    }
    my @said;
    for (1 .. 40) {
        my ($code, $out) = $d->run('verify', '--pub', $pub);
        push @said, $out if $code ne 0;
    }
    spew("$dir/stop", '');
    waitpid $pid, 0;
    is_deeply \@said, [], 'beside a loader: no problems';
}

# --- what cannot be looked at

my $none = Depot->new(dir => $dir, depot => "$dir/good");
$none->{depot} = "$dir/none";
($code, $out, $err) = $none->run('verify');
is "$code:$out", '1:', 'no depot';
like $err, qr/is not a depot/, 'no depot: said';
$good->refuses(qr/none\.pub/, 'verify', '--pub', "$dir/none.pub");
$good->misused(qr/./, 'verify', 'x');

done_testing;
