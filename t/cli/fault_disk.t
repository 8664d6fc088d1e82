#!/usr/bin/perl

# Runs mdsctl on a full disk, a read-only depot, and with files missing: each command
# reports the error, leaves the depot unchanged, and works again afterwards.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;
use Tree;

my ($memory) = grep { -d && -w } '/dev/shm';
my $dir = tempdir(CLEANUP => 1, defined $memory ? (DIR => $memory) : ());
my $asan = $ENV{TEST_NGINX_PRELOAD} // '';

my $base = Depot->new(dir => $dir, depot => "$dir/base");
my $common = Depot::noise('common', 150_000);
$base->put("v$_", $common . Depot::noise($_, 3_000)) for 1 .. 3;
$base->put('ids', join '', map { "user-$_-of-many\n" } 1 .. 30_000);
$base->put_json('doc.json', {
    app => 'a',
    lists => { x => { external => JSON::PP::true }, l => { file => 'ids' } },
    packages => [ map { { kind => 'upgrade', version => "$_", file => "v$_" } }
        1 .. 3 ],
    releases => [ { id => 'r', kind => 'upgrade', version => '3',
        audience => { lists => ['l'] } } ],
});
my @package = qw(--app a --kind upgrade --version);
$base->must('publish', "$dir/v1", @package, 1);
$base->must(qw(list add a x somebody));
my $was = $base->export('a') . $base->must(qw(list show a x));

my @commands = (
    ['publish', "$dir/v2", @package, 2],
    ['apply', "$dir/doc.json", '--force'],
    ['list', 'import', 'a', 'x', "$dir/ids"],
    ['list', 'import', 'a', 'x', "$dir/ids", '--add'],
    [qw(release a q --kind upgrade --version 1 --all)],
);

sub is_as_before {
    my ($d, $name) = @_;
    is $d->export('a') . $d->must(qw(list show a x)), $was,
        "$name: the catalog is as it was";
    is_deeply [grep { /^\.tmp/ } map { $d->files($_) } qw(files lists catalog)],
        [], "$name: nothing is left half done";
}

# --- a disk with less and less room

SKIP: {
    mkdir "$dir/disk";
    skip 'cannot mount', 1 if $> != 0
        || system("mount -t tmpfs -o size=4m tmpfs $dir/disk 2>/dev/null");
    my $mounted = bless ["$dir/disk"], 'Mounted';

    for my $command (@commands) {
        my $name = Depot::short(@$command);
        my ($failed, $done) = (0, 0);

        for my $room_k (4, 40, 180, 420, 800, 2200) {
            unlink "$dir/disk/filler";
            copy_tree("$dir/base", "$dir/disk/d");
            my $d = Depot->new(dir => $dir, depot => "$dir/disk/d");
            my $free = (split ' ', `df -k --output=avail $dir/disk`)[1];
            system("head -c ${\(($free - $room_k) * 1024)} /dev/zero"
                . " > $dir/disk/filler") == 0 or die;

            my ($code, $out, $err) = $d->run(@$command);
            if ($code eq '0') {
                $done++;
                next;
            }
            $failed++;
            is $code, 1, "$name, $room_k K: exit 1";
            like $err, qr/\Amdsctl: [^\n]*No space left[^\n]*\n\z/,
                "$name, $room_k K: says why";
            unlink "$dir/disk/filler";
            is_as_before($d, "$name, $room_k K");
            $d->does(@$command);
        }
        cmp_ok $failed, '>', 0, "$name: there was too little";
        cmp_ok $done, '>', 0, "$name: and enough";
    }
}

# --- each call that writes, syncs, makes or names a file fails, in turn: from
# there on, as on a full disk or one that was made read-only, or once.

# How a call fails, and by which word that is said.
my %faults = (
    full        => [28, 0, qr/No space left/],
    'read-only' => [30, 0, qr/Read-only file system/],
    once        => [5, 1, qr/Input\/output error/],
);

# What is in force, and what is said of it.
sub facts {
    my ($d) = @_;
    return $d->export('a') . $d->must(qw(list show a x))
        . $d->must(qw(message list a u)) . $d->must('log');
}

# A command that ended so is done or not done; what is wrong with that.
sub wrong_with {
    my ($d, $end, $err, $before, $words, @command) = @_;
    return "ends by $end" if $end !~ /^[01]$/;
    return "says $err" if $end eq '1' && $err !~ /\Amdsctl: [^\n]*$words[^\n]*\n/;

    my $now = eval { facts($d) } // return "cannot be read: $@";
    return 'it is not as it was' if $end eq '1' && $now ne $before;
    my ($code, $out, $said) = $d->run('verify');
    return "verify: $out$said" if $code ne '0';

    if ($end eq '1') {
        ($code, undef, $said) = $d->run(@command);
        return "not when there is room again: $said" if $code ne '0';
    }
    $d->must(qw(list add other probe --new-app), "u$code");
    my @left = grep { /^\.tmp/ } map { $d->files($_) } qw(files lists catalog);
    return @left ? "left behind: @left" : '';
}

SKIP: {
    my $cc = $ENV{CC} // 'cc';
    skip 'no compiler', 1 if system("$cc -shared -fPIC -o $dir/killer.so"
        . " '$FindBin::Bin/lib/killer.c' -ldl");

    # With something of each sort, and something to be undone.
    copy_tree("$dir/base", "$dir/rich");
    my $rich = Depot->new(dir => $dir, depot => "$dir/rich");
    my @message = ('message', 'push', 'a', '--users', "$dir/users", '--to',
        '*=1', '--until', '2099-01-01T00:00:00Z');
    $rich->put('users', "u\nv\n");
    $rich->must(@message);
    $rich->must(qw(release a h --kind upgrade --version 1 --percent 5));
    $rich->must('snapshot', "$dir/snapshot");
    my $before = facts($rich);

    my @all = (@commands,
        [qw(promote a h --all)], [qw(pause a h)], [qw(end a h)], [@message],
        [qw(message withdraw a 1)], ['revert', $rich->serial], ['gc'],
        ['snapshot', "$dir/again"], ['restore', '--force', "$dir/snapshot"]);
    my $soak = $ENV{MDS_SOAK} // 0;

    for my $command (@all) {
        my $name = Depot::short(@$command);
        my ($calls, @wrong) = 0;

        for my $fault (sort keys %faults) {
            my $end = time + ($soak || 100) / @all / keys %faults;
            my ($number, $once, $words) = @{ $faults{$fault} };
            # two of them, where there is no time
            for my $round (1 .. ($soak ? 1000 : 2)) {
                my ($at, $ended) = (1 + int rand($round % 3 ? 45 : 200), '');
                copy_tree("$dir/rich", "$dir/trial");
                my $d = Depot->new(dir => $dir, depot => "$dir/trial");
                my $err;
                {
                    local $ENV{LD_PRELOAD} = join ' ', grep { length } $asan,
                        "$dir/killer.so";
                    local $ENV{KILLER_AT} = $at;
                    local $ENV{KILLER_ONCE} = $once;
                    local $ENV{KILLER_ERRNO} = $number;
                    ($ended, undef, $err) = $d->run(@$command);
                }
                my $wrong = wrong_with($d, $ended, $err, $before, $words,
                    @$command);
                push @wrong, "$fault at call $at: $wrong" if $wrong ne '';
                $calls++ if $ended ne '0';
                last if @wrong > 3 || time > $end;
            }
        }
        is_deeply \@wrong, [], "$name: $calls times no room, or no luck";
    }
}

# --- a depot that may not be written

SKIP: {
    skip 'only root becomes somebody else', 1 if $> != 0;
    chmod 0755, $dir;

    for my $command (@commands, [qw(init)], [qw(gc)], [qw(end a r)],
        [qw(revert 1)], [qw(message withdraw a 1)], [qw(status)],
        ['snapshot', '/tmp/none'], ['restore', '--force', "$dir/snapshot"])
    {
        my $name = Depot::short(@$command);
        my $before = $base->tree;
        my ($code, $said) = Ctl::ctl_as('nobody', '--depot', $base->{depot},
            @$command);
        is $code, 1, "$name by nobody: exit 1";
        like $said, qr/\Amdsctl: /, "$name by nobody: says why";
        $base->untouched($before, "$name by nobody");
    }
}

# --- directories that are missing

for my $missing (qw(files lists catalog journal)) {
    copy_tree("$dir/base", "$dir/trial");
    my $d = Depot->new(dir => $dir, depot => "$dir/trial");
    rename "$dir/trial/$missing", "$dir/away";
    my ($code, $out, $err) = $d->run(qw(list add a x more));
    is $code, 1, "no $missing: exit 1";
    like $err, qr/\Amdsctl: [^\n]*\Q$missing\E/, "no $missing: names it";
    unlike $err, qr/not a depot/, "no $missing: a depot all the same";
    ok !-e "$dir/trial/$missing", "no $missing: nor is it made";
    rename "$dir/away", "$dir/trial/$missing" or die;
    is_as_before($d, "$missing is back");
    $d->does(qw(list add a x more));
}

# A file of a package that is gone is told before it is promised.
{
    copy_tree("$dir/base", "$dir/trial");
    my $d = Depot->new(dir => $dir, depot => "$dir/trial");
    my ($sha) = grep { !/minisig/ } $d->files('files');
    unlink "$dir/trial/files/$sha";
    my $err = $d->refuses($sha, qw(release a q --kind upgrade --version 1
        --all));
}

done_testing;

package Mounted;

sub DESTROY { local $?; system 'umount', '-l', $_[0][0] }
