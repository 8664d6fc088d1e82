#!/usr/bin/perl

# gc: takes what nothing needs, and nothing else: not what the present, the
# kept generations or the log name, not what is young; and one that is killed
# anywhere leaves a depot that is whole.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use Fcntl qw(LOCK_EX);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;
use Tree;

my ($memory) = grep { -d && -w } '/dev/shm';
my $dir = tempdir(CLEANUP => 1, defined $memory ? (DIR => $memory) : ());
my $d = Depot->new(dir => $dir, depot => "$dir/depot");
my $true = JSON::PP::true;
my $common = Depot::noise('common', 20_000);
$d->put("v$_", $common . Depot::noise($_, 500)) for 1 .. 5;
$d->put("ids-$_", join '', map { "user-$_\n" } $_ .. 3000) for 1 .. 2;

# Everything is old from now on.
sub age {
    my ($d, $s) = @_;
    my $when = time - ($s // 7200);
    utime $when, $when, glob "$d->{depot}/$_/*" for qw(files lists);
}

# An hour has passed since: files are only judged by both of their times, and
# nobody can set ctime; so the grace is none, and mtime alone is looked at.
sub gc { return $d->does('gc', '--grace', 0, @_) }

sub names { join ' ', map { my $f = $_; map { "$f/$_" } $d->files($f) }
    qw(files lists) }

$d->must('publish', "$dir/v$_", qw(--app a --kind upgrade --version), $_)
    for 1 .. 3;
$d->must(qw(list import a staff), "$dir/ids-1");
$d->must(qw(release a r --kind upgrade --version 3 --all));
my $full = names();
age($d);

like gc(), qr/^removed 0 files, 0 bytes, and 0 notes; \d+ files, \d+ bytes stay$/,
    'nothing to remove';
is names(), $full, 'and nothing is';

# --- what the log names stays, and can be reverted

my $sha = sub { my $v = shift; (map { $_->{sha256} } grep {
    $_->{version} eq $v } @{ $d->asks('export', 'a')->{packages} })[0] };
my %sha = map { $_ => $sha->($_) } 1 .. 3;
my $doc = $d->asks('export', 'a');
$doc->{packages} = [ grep { $_->{version} ne 1 } @{ $doc->{packages} } ];
$d->put_json('doc.json', $doc);
$d->must('apply', "$dir/doc.json");
my $removal = $d->serial;
$d->must(qw(list import a staff), "$dir/ids-2");
$full = names();
age($d);
gc();
is names(), $full, 'what the log names stays';
{
    local $d->{key};
    $d->does('revert', $removal);
    $d->does('revert', $removal + 2);
}

# --- until a hundred changes have passed

$d->must(qw(list add other l), "u$_", '--new-app') for 1 .. 97;
age($d);
gc();
is names(), $full, 'the last hundred';
$d->must(qw(list add other l), "v$_") for 1 .. 4;
age($d);

my $before = $d->tree;
my $dry = $d->does('gc', '--dry-run');
$d->untouched($before, 'dry run');
is $dry =~ s/.*stay\n//r, '', 'within the grace, nothing goes';

# --- the grace: what is named by the log of the last hour stays

is $d->does('gc') =~ s/^removed 0 files.*//r, "\n",
    'what was needed within the last hour';

$dry = $d->does('gc', '--dry-run', '--grace', 0);
$d->untouched($before, 'dry run, without grace');
my @would = $dry =~ /^would remove (\S+), \d+ bytes$/mg;
my $version_1 = $sha{1};
ok((grep { $_ eq "files/$version_1" } @would), 'the old package would go');
ok((grep { $_ eq "files/$version_1.minisig" } @would), 'its signature, too');
ok((grep { m{^lists/.*\.mdb} } @would), 'and the old list');
cmp_ok scalar(@would), '>=', 5, 'and differences from it';

my %left = map { $_ => 1 } split / /, names();
delete @left{@would};
my $facts = $d->asks('gc', '--grace', 0);
is_deeply [sort map { $_->{name} } @{ $facts->{removed} }], [sort @would],
    'json: what it said it would';
my $sum = 0;
$sum += $_->{bytes} for @{ $facts->{removed} };
is $facts->{removed_bytes}, $sum, 'json: bytes';
cmp_ok $facts->{notes}, '>', 0, 'json: notes go, too';
is_deeply [split / /, names()], [sort keys %left], 'that went, and no more';
$d->does('verify', '--pub', "$dir/ops.pub");
like gc(), qr/^removed 0 files, 0 bytes, and 0 notes/, 'again: nothing';

# What went can be published again, differences and all.
$d->must('publish', "$dir/v1", qw(--app a --kind upgrade --version 1));
my $manifest = $d->decides(qw(app=a kind=upgrade version=1))->{manifest};
ok -s "$d->{depot}/$manifest->{delta}{path}", 'the difference is there again';
$d->does('verify', '--pub', "$dir/ops.pub");

# --- rubbish, and what is not ours

$d->put('rubbish', 'x' x 1000);
my $rubbish = 'f' x 64;
system 'cp', "$dir/rubbish", "$d->{depot}/files/$rubbish";
system 'cp', "$dir/rubbish", "$d->{depot}/files/.tmp-x";
system 'cp', "$dir/rubbish", "$d->{depot}/files/readme";
like $d->does('gc'), qr/^removed 0 files/, 'rubbish that is young stays';
ok -e "$d->{depot}/files/$rubbish", 'it is there';
ok !-e "$d->{depot}/files/.tmp-x", 'what is unfinished goes';
age($d);
like gc(), qr/^removed files\/$rubbish, 1000 bytes\nremoved 1 file, 1000 bytes/,
    'and goes when it is old';
ok -e "$d->{depot}/files/readme", 'what is not ours stays';
unlink "$d->{depot}/files/readme";

# --- generations

is scalar(grep { /mdb/ } $d->files('catalog')), 5, 'generations';
$d->does('gc', '--keep-generations', 2);
is scalar(grep { /mdb/ } $d->files('catalog')), 2, 'fewer';

# --- killed at every call

SKIP: {
    my $cc = $ENV{CC} // 'cc';
    system("$cc -shared -fPIC -o $dir/killer.so '$FindBin::Bin/lib/killer.c' -ldl")
        == 0 or skip 'no compiler', 1;
    my $e = Depot->new(dir => $dir, depot => "$dir/base");
    $e->must('publish', "$dir/v$_", qw(--app a --kind upgrade --version), $_)
        for 1 .. 4;
    $e->must(qw(list import a staff), "$dir/ids-1");
    my $doc = $e->asks('export', 'a');
    splice @{ $doc->{packages} }, 0, 2;
    $e->put_json('kill.json', { %$doc, lists => {} });
    $e->must('apply', '--force', "$dir/kill.json");
    $e->must(qw(list add other l), "u$_", '--new-app') for 1 .. 101;
    $e->must(qw(release a r4 --kind upgrade --version 4 --all));

    my $counts = $e->asks('gc', '--dry-run', '--grace', 0);
    cmp_ok $counts->{notes}, '>', 2, 'there are notes to go';
    cmp_ok scalar(@{ $counts->{removed} }), '>', 5, 'and files';
    my @wrong;
    my $at = 0;
    for (;;) {
        copy_tree("$dir/base", "$dir/trial");
        my $t = Depot->new(dir => $dir, depot => "$dir/trial");
        my $end = do {
            local $ENV{LD_PRELOAD} = join ' ', grep { length }
                $ENV{TEST_NGINX_PRELOAD} // '', "$dir/killer.so";
            local $ENV{KILLER_AT} = ++$at;
            ($t->run(qw(gc --grace 0)))[0];
        };
        my ($code, $out) = $t->run('verify', '--pub', "$dir/ops.pub");
        push @wrong, "call $at: $out" if $code ne 0;

        # what it took can be had again
        ($code, $out, my $err) = $t->run('publish', "$dir/v2",
            qw(--app a --kind upgrade --version 2));
        push @wrong, "call $at: $err" if $code ne 0;
        ($code, $out) = $t->run('verify', '--pub', "$dir/ops.pub");
        push @wrong, "call $at, published again: $out" if $code ne 0;
        last if $end eq '0' || @wrong > 3;
    }
    is_deeply \@wrong, [], "killed at each of $at calls";
    cmp_ok $at, '>', 10, 'there are some';
}

# --- the registry of devices

{
    my $devices = "$d->{depot}/state/devices";
    my @kept = map { "$devices/$_" } 'counts', 'damaged-dir',
        'log-00000000000000ff-00000001', 'run-0-00000000000000ff-00000000';
    my @gone = map { "$devices/$_" } '.tmp-run-00000000000000ff-00000001',
        'damaged-log-00000000000000ff-00000002', 'damaged-fifo', 'damaged-link';
    my $left = sub { join ' ', map { s{.*/}{}r } grep { -e || -l } @_ };
    my $all = sub { join ' ', map { s{.*/}{}r } @_ };

    mkdir "$d->{depot}/state";
    mkdir $devices;
    mkdir "$devices/damaged-dir";
    system 'mkfifo', "$devices/damaged-fifo";
    symlink "$dir/v1", "$devices/damaged-link";
    $d->put("depot/state/devices/$_", 'x') for map { s{.*/}{}r }
        grep { !-e && !-l } @kept, @gone;

    my $at = sub {
        $d->put('clock', $_[0] * 1000);
        local $ENV{MDS_CLOCK} = "$dir/clock";
        return $d->does('gc', @_[1 .. $#_]);
    };
    $at->(3500);
    is $left->(@kept, @gone), $all->(@kept, @gone), 'devices: all is young';
    chown +(stat $devices)[4, 5], $gone[0];
    open my $locked, '<', $gone[0] or die;
    flock $locked, LOCK_EX or die;
    $at->(3700);
    is $left->(@kept, @gone), $all->(@kept, @gone),
        '... a file that is being written stays';
    close $locked;
    $at->(3700);
    is $left->(@kept, @gone), $all->(@kept, @gone[1 .. $#gone]),
        '... one that was left goes after an hour';
    like $at->(8 * 86400, '--dry-run'),
        qr{^would remove state/devices/damaged-log-\S+, 1 bytes$}m,
        '... damaged files after a week';
    is $left->(@kept, @gone), $all->(@kept, @gone[1 .. $#gone]),
        '... not by a dry run';
    $at->(8 * 86400);
    is $left->(@kept, @gone), $all->(@kept), '... and nothing else';
    ok -s "$dir/v1", '... no link is followed';

    # www-data chooses these names.
    my @names = ("damaged-\e[2J\nremoved x", "damaged-\xff\xfe",
        "damaged-\xe2\x80\xae");
    $d->put("depot/state/devices/$_", 'x') for @names;
    my $said = $at->(8 * 86400 + 1, '--dry-run');
    like $said, qr{/damaged-\\u\{001B\}\[2J\\u\{000A\}removed x, 1 bytes$}m,
        'a name with control characters: escaped';
    like $said, qr{/damaged-\\xff\\xfe, 1 bytes$}m, '... with other bytes';
    like $said, qr{/damaged-\\u\{202E\}, 1 bytes$}m, '... with bidirectional';
    like $said, qr/^would remove 3 files, /m, '... in a line each';
    my $facts = JSON::PP->new->utf8->decode($at->(8 * 86400 + 1, '--json'));
    is_deeply [ sort map { $_->{name} =~ s{.*/}{}r } @{ $facts->{removed} } ],
        [ sort $names[0], "damaged-\\xff\\xfe", "damaged-\x{202e}" ],
        '... as JSON: escaped only what it cannot have';
    is $left->(map { "$devices/$_" } @names), '', '... and removed';
}

$d->misused(qr/--grace: found "x"/, 'gc', '--grace', 'x');
$d->misused(qr/--keep-generations: found "0"/, 'gc', '--keep-generations', 0);
$d->misused(qr/./, 'gc', 'x');

done_testing;
