#!/usr/bin/perl

# A large generation is not written again by a change: a layer on top of it has
# what differs. Nothing else is different: verify, gc, revert, snapshot and
# restore work on all files of a generation, a change refuses one that is
# damaged, and a loader that is killed leaves the change whole, or not there.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;
use Overwrite;
use Tree;

my ($memory) = grep { -d && -w } '/dev/shm';
my $dir = tempdir(CLEANUP => 1, defined $memory ? (DIR => $memory) : ());
my $cc  = $ENV{CC} // 'cc';
system(split(/ /, $cc), qw(-shared -fPIC -o), "$dir/killer.so",
    "$FindBin::Bin/lib/killer.c", '-ldl')
    == 0 or die "$cc cannot compile killer.c";

my $d = Depot->new(user => 'root', dir => $dir, depot => "$dir/depot");

# So many ids that the first generation is worth keeping.
$d->put('pack', 'package');
$d->put_json('doc.json', {
    app      => 'a',
    lists    => { many => { ids => [ map { "user-$_" } 1 .. 40_000 ] } },
    packages => [ map { { kind => 'bundle', name => "n$_", version => '1',
        file => 'pack' } } 1 .. 9 ],
    releases => [ map { { id => "r$_", kind => 'bundle', name => "n$_",
        version => '1', audience => { lists => ['many'] } } } 1 .. 9 ],
});
$d->must('apply', "$dir/doc.json");
my $base = "$d->{depot}/catalog/1.mdb";

sub generations { join ' ', sort { $a <=> $b } map { s/\.mdb$//r }
    $_[0]->files('catalog') }

sub action {
    my ($d, $name) = @_;
    return $d->decides('app=a', 'kind=bundle', "name=$name", 'user=user-7')
        ->{action};
}

cmp_ok -s $base, '>', 300_000, 'a generation with a large list';
is action($d, 'n1'), 'install', 'its list is found';

# --- steps

$d->does(qw(pause a r3));
cmp_ok -s "$d->{depot}/catalog/2.mdb", '<', 65_536, 'a step writes a small file';
is action($d, 'n3'), 'none', '... that says so';
is action($d, 'n1'), 'install', '... and what is below it stays';
$d->must(qw(verify --pub), "$dir/ops.pub");
$d->must('pause', 'a', "r$_") for 4 .. 9;
is generations($d), '1 3 4 5 6 7 8', 'the base is kept, old layers are not';
is action($d, "n$_"), 'none', "n$_" for 3 .. 9;
$d->must(qw(verify --pub), "$dir/ops.pub");

$d->does('revert', 4);
is action($d, 'n5'), 'install', 'one is reverted';
$d->does('gc', '--grace', 0, '--keep-generations', 1);
is generations($d), '1 9', 'gc keeps the file below';
is action($d, 'n5'), 'install', '... and all works';
$d->must(qw(verify --pub), "$dir/ops.pub");

# --- removals

my $doc = $d->asks('export', 'a');
$doc->{$_} = [ grep { $_->{name} ne 'n9' } @{ $doc->{$_} } ]
    for qw(packages releases);
$d->put_json('doc.json', $doc);
$d->must('apply', "$dir/doc.json");
is $d->decides(qw(app=a kind=bundle name=n9 user=user-7))->{reason}, 'unknown',
    'a resource that is removed is hidden';
$d->must('verify', '--pub', "$dir/ops.pub");
$d->must(qw(list add other x --new-app somebody));
is action($d, 'n1'), 'install', 'another app is beside it';
$d->must(qw(remove app other));
is action($d, 'n1'), 'install', '... and is gone again';
$d->must('verify', '--pub', "$dir/ops.pub");

# --- snapshot and restore

my $files = () = generations($d) =~ /\d+/g;
$d->must('snapshot', "$dir/copy");
my $e = Depot->new(user => 'root', dir => $dir, depot => "$dir/restored");
$e->must('restore', '--force', '--pub', "$dir/ops.pub", "$dir/copy");
is generations($e), '1 ' . $d->serial, 'a snapshot has all files of a generation';
is action($e, 'n5'), 'install', '... and is the same';
is action($e, 'n3'), 'none', '... of each';
$e->must(qw(resume a r3));
is action($e, 'n3'), 'install', 'the next change stands on it';
$e->must('verify', '--pub', "$dir/ops.pub");

# --- a lower file that is damaged, or not there

my $whole = Ctl::read_file($base);
my $flipped = $whole;
substr($flipped, 100_000, 1) ^= "\1";

for my $bad ([ 'flipped bit', $flipped ],
    [ 'cut short', substr $whole, 0, 200_000 ])
{
    my ($title, $content) = @$bad;

    overwrite($base, $content);
    $d->refuses(qr/1\.mdb/, qw(pause a r1));
    my ($code, $out) = $d->run('verify');
    is $code, 1, "$title: verify fails";
    like $out, qr/^catalog\/\d+\.mdb: .*1\.mdb/m, '... and names the file';
    overwrite($base, $whole);
}

rename $base, "$dir/away" or die;
$d->refuses(qr/1\.mdb/, qw(pause a r1));
my ($code, $out) = $d->run('verify');
like $out, qr/^catalog\/\d+\.mdb: .*1\.mdb.*No such file/m, 'missing: verify says so';

# Another generation under its name is refused.
system('cp', "$dir/restored/catalog/" . $e->serial . '.mdb', $base) == 0 or die;
$d->refuses(qr/1\.mdb/, qw(pause a r1));
unlink $base;
rename "$dir/away", $base or die;
$d->does(qw(pause a r1));
is action($d, 'n1'), 'none', 'all is well again';

# --- killed at each call

my ($before, $after);
my ($at, $ends, @wrong) = (0, '');

until ($ends eq '0') {
    my $trial = Depot->new(user => 'root', dir => $dir, depot => "$dir/trial");

    copy_tree("$dir/depot", "$dir/trial");
    $before //= $trial->export('a');
    $at++;
    {
        local $ENV{LD_PRELOAD} = join ' ', grep { length }
            $ENV{TEST_NGINX_PRELOAD} // '', "$dir/killer.so";
        local $ENV{KILLER_AT}   = $at;
        local $ENV{KILLER_HALF} = $at % 3 == 0;
        $ends = ($trial->run(qw(resume a r1)))[0];
    }

    push @wrong, "call $at: $ends" if $ends !~ /^(?:0|signal 9)$/;
    my $action = action($trial, 'n1');
    my $export = $trial->export('a');
    my $done   = $export ne $before;
    push @wrong, "call $at: half" if !$done && $action ne 'none';
    my ($code, $out) = $trial->run('verify', '--pub', "$dir/ops.pub");
    push @wrong, "call $at: verify: $out" if $code ne 0;
    $trial->run(qw(resume a r1)) if !$done;
    push @wrong, "call $at: not done again"
        if action($trial, 'n1') ne 'install';
}

is_deeply \@wrong, [], "killed at $at calls: whole, or not there";

# --- no room

copy_tree("$dir/depot", "$dir/trial");
my $full = Depot->new(user => 'root', dir => $dir, depot => "$dir/trial");
@wrong = ();

for (my ($n, $code) = (1, 1); $code ne 0; $n += 3) {
    local $ENV{LD_PRELOAD} = join ' ', grep { length }
        $ENV{TEST_NGINX_PRELOAD} // '', "$dir/killer.so";
    local $ENV{KILLER_AT}    = $n;
    local $ENV{KILLER_ERRNO} = 28;
    ($code) = $full->run(qw(resume a r1));
    delete local @ENV{qw(KILLER_AT KILLER_ERRNO LD_PRELOAD)};
    push @wrong, $n if $code ne 0 && action($full, 'n2') ne 'install';
}

is_deeply \@wrong, [], 'no room: the change fails, and what was there stays';
is action($full, 'n1'), 'install', '... until there is room';
$full->must('verify', '--pub', "$dir/ops.pub");

# --- a list that only a hidden record of a lower file names

my $h = Depot->new(user => 'root', dir => $dir, depot => "$dir/hidden");

$d->put("ids-$_", join '', map { "member-$_\n" } $_ .. 3000) for 1 .. 2;
$h->must(qw(list import --new-app a staff), "$dir/ids-1");
$h->put_json('large.json', { app => 'b', lists => { many => { ids =>
    [ map { "user-$_" } 1 .. 40_000 ] } } });
$h->must('apply', "$dir/large.json");
my ($hidden) = grep { /mdb$/ } $h->files('lists');
$h->must(qw(list import a staff), "$dir/ids-2");
is generations($h), '0 1 2 3', 'an imported list is changed by a layer';

# Nothing else names it when the log has a hundred later changes.
$h->must(qw(list add other l), "u$_", '--new-app') for 1 .. 101;
$h->does('gc', '--grace', 0, '--keep-generations', 1);
is generations($h), '2 ' . $h->serial, '... above the first one';
ok((grep { $_ eq $hidden } $h->files('lists')), 'gc keeps the list below');
$h->does(qw(status));
is $h->decides(qw(app=a kind=bundle name=n1 user=x))->{reason}, 'unknown',
    'the depot is opened';
$h->does('verify', '--pub', "$dir/ops.pub");
$h->does(qw(list add a staff another));
$h->must('snapshot', "$dir/hidden-copy");

done_testing;
