#!/usr/bin/perl

# A loader that is killed anywhere leaves the change whole, or not there; the
# catalog in force can be read all the time, and the next command goes on as
# if nothing had been. gc, restore, snapshot and revert are killed in the tests
# of their own, too. MDS_SOAK=SECONDS for each call of as many commands as there
# is time for, and for more kills at random.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use JSON::PP;
use List::Util qw(shuffle);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Ctl ();
use Depot;
use Pack;
use Tree;

# In memory where that can be: a kill takes nothing from what was written, so
# that waiting for a disk would be in vain.
my ($memory) = grep { -d && -w } '/dev/shm';
my $dir = tempdir(CLEANUP => 1, defined $memory ? (DIR => $memory) : ());
my $cc  = $ENV{CC} // 'cc';
system(split(/ /, $cc), qw(-shared -fPIC -o), "$dir/killer.so",
    "$FindBin::Bin/lib/killer.c", '-ldl')
    == 0 or die "$cc cannot compile killer.c";

my $soak = $ENV{MDS_SOAK} // 0;
my $begun = time;
my $asan  = $ENV{TEST_NGINX_PRELOAD} // '';

# --- a depot with something in it, and one command of each sort

my $base = Depot->new(dir => $dir, depot => "$dir/base");
my $common = Depot::noise('common', 20_000);
$base->put("v$_", $common . Depot::noise($_, 500)) for 1 .. 3;
$base->put('ids', join '', map { "user-$_\n" } 1 .. 2000);
$base->put('users', "u\nv\n");
$base->put('a.js', Depot::noise('js', 2000));
$base->put('site.zip', Pack::zip([ 'index.html', 'x' x 3000 ],
    [ 'js/', '' ], [ 'js/a.js', Depot::noise('js', 2000) ]));

my @package = qw(--app a --kind upgrade --version);
my @bundle  = qw(--app a --kind bundle --name b --version);
my @hotfix  = qw(--kind hotfix --version 1);
my @until   = qw(--until 2090-01-01T00:00:00Z);
$base->must(qw(list add a x somebody));
$base->must('publish', "$dir/v$_", @package, $_) for 1, 2;
$base->must('publish', "$dir/v1", qw(--app a), @hotfix);
$base->must(qw(release a r1 --kind upgrade --version 1 --all));
$base->must(qw(release a r2 --kind upgrade --version 2 --percent 50));
$base->must(qw(release a r4 --kind upgrade --version 2 --list x));
$base->must(qw(release a fix), @hotfix, '--all');
$base->must(qw(pause a r4));
my $pause = $base->serial;
$base->must(qw(message push a --to any=2 --users), "$dir/users", @until);
$base->must(qw(list add other y --new-app), "u$_") for 1 .. 4;

$base->put_json('doc.json', {
    app => 'a', serial => $base->serial,
    lists => { staff => { file => 'ids' }, x => { external => JSON::PP::true } },
    packages => [ map { { kind => 'upgrade', version => "$_", file => "v$_" } }
        1 .. 3 ],
    releases => [ map { { id => "r$_", kind => 'upgrade', version => "$_",
        audience => { percent => 50 } } } 1 .. 3 ],
});


my @commands = (
    ['publish', "$dir/v3", @package, 3],
    ['publish', "$dir/site.zip", @bundle, 1, '--store', '--unpack', "$dir/web"],
    ['apply', "$dir/doc.json"],
    ['list', 'import', 'a', 'x', "$dir/ids"],
    ['list', 'add', 'a', 'x', 'one', 'two'],
    ['list', 'remove', 'a', 'x', 'somebody'],
    [qw(release a r3 --kind upgrade --version 2 --percent 10)],
    [qw(promote a r2 --all)],
    [qw(pause a r2)],
    [qw(resume a r4)],
    [qw(end a r1)],
    [qw(rollback a fix)],
    [qw(message push a --to any=1 --users), "$dir/users", @until],
    [qw(message withdraw a 1)],
    ['revert', $pause],
);

# Contents of external lists and messages are no part of the document; for other
# commands there is nothing to see in them.
sub exported {
    my ($d, @command) = @_;
    return $d->export('a')
        . ($command[0] eq 'list'    ? $d->must(qw(list show a x))
         : $command[0] eq 'message' ? $d->must(qw(message list a u)) : '');
}

# Serial in force, as every worker reads it.
sub current { unpack 'Q<', substr Ctl::read_file("$_[0]{depot}/CURRENT"), 8 }

my $trials = 0;

sub trial {
    my $to = "$dir/trial-" . $trials++;
    copy_tree("$dir/base", $to);
    return Depot->new(dir => $dir, depot => $to);
}

sub drop { remove_tree($_[0]{depot}) }

sub temps { grep { /^\.tmp-/ } map { $_[0]->files($_) } qw(files lists catalog) }

# What the depot is after a kill: nothing is wrong ('' then), or what.
# %$after is of the same command, not killed.
sub wrong_with {
    my ($d, $before, $after, @command) = @_;

    # by the user of the state, and by root, in turn
    $d->own_state if $trials % 2;

    # a worker's view, before any loader has put things right
    my $seen = eval { $d->decides(qw(app=a kind=upgrade version=1 device=d)) };
    return "the catalog in force cannot be read: $@" if !defined $seen;

    my $now = eval { exported($d, @command) };
    return "export fails: $@" if !defined $now;
    my $done = $now eq $after ? 1 : 0;
    return "half a change: $now" if !$done && $now ne $before;

    my $serial = current($d);
    return "CURRENT is not the journal's serial"
        if $serial != ($now =~ /"serial": (\d+)/)[0];
    return 'workers have seen what was no change'
        if $seen->{serial} > $serial || $seen->{serial} < $serial - 1;
    return 'the log says something else'
        if $trials % 4 == 0 && $d->asks('log')->[0]{serial} != $serial;

    my ($code, $out, $err) = $d->run('verify', '--pub', "$dir/ops.pub");
    return "verify: $out$err" if $code ne 0;

    # what was not done can be done now, what was done is no change
    if (!$done || $command[0] !~ /^(?:message|revert)$/) {
        ($code, undef, $err) = $d->run(@command);
        return "it cannot be done again: $err" if $code ne 0
            && !($done && $err =~ /already| is (?:paused|running|ended)/);
    }
    my $export = $done ? $now : exported($d, @command);
    return 'done again, it is not the same' if $export ne $after;

    # and leaves nothing of the killed one
    $d->must(qw(list add other probe --new-app x));
    my @left = temps($d);
    return "left behind: @left" if @left;
    return 'CURRENT does not follow' if current($d) != ($export =~
        /"serial": (\d+)/)[0] + 1;
    return 'not unpacked' if grep({ $_ eq '--unpack' } @command)
        && Ctl::read_file("$dir/web/1/js/a.js") ne Ctl::read_file("$dir/a.js");
    return '';
}

sub outcome {
    my @command = @_;
    my $d = trial();
    my $begun = time;
    $d->must(@command);
    my $seconds = time - $begun;
    my $after = exported($d, @command);
    drop($d);
    return ($after, $seconds);
}

# Runs it with the killer inside; what it ended by.
sub strike {
    my ($d, $at, $half, @command) = @_;
    local $ENV{LD_PRELOAD}  = join ' ', grep { length } $asan, "$dir/killer.so";
    local $ENV{KILLER_AT}   = $at;
    local $ENV{KILLER_HALF} = $half;
    return ($d->run(@command))[0];
}

# --- at every call that writes, renames or syncs, in turn

my (%before, %after);

for my $command (shuffle @commands) {
    my $name = Depot::short(@$command);
    $before{$name} = exported($base, @$command);
    ($after{$name}) = outcome(@$command);
    isnt $after{$name}, $before{$name}, "$name: is a change";

    # one of them at each call, of the others some calls, drawn anew each time
    my ($at, @wrong) = 0;
    for (;;) {
        my $d = trial();
        my $each = $name =~ /^promote/ || time < $begun + $soak / 2;
        $at += $each ? 1 : 1 + int rand 13;
        # some writes are cut in the middle
        my $end = strike($d, $at, $at % 3 == 0, @$command);
        push @wrong, "call $at: $end" if $end !~ /^(?:0|signal 9)$/;
        my $what = wrong_with($d, $before{$name}, $after{$name}, @$command);
        push @wrong, "call $at: $what" if $what ne '';
        drop($d);
        last if $end eq '0' || @wrong > 3;
    }
    is_deeply \@wrong, [], "$name: killed at some of $at calls";
    cmp_ok $at, '>', 10, "$name: has calls";
}

# An app that no key has signed yet, to try a new key on.
$base->put_json('fresh.json', { app => 'fresh',
    packages => [ { kind => 'upgrade', version => '1', file => 'v1' } ],
    releases => [ { id => 'r', kind => 'upgrade', version => '1',
        audience => { all => JSON::PP::true } } ] });

# keygen overwrites nothing: what it left behind is named, and a pair that looks
# whole is one.
{
    my ($at, @wrong) = 0;
    for (;;) {
        my $end = strike($base, ++$at, $at % 2, 'keygen', "$dir/new");
        my ($code, undef, $err) = $base->run('keygen', "$dir/new");
        push @wrong, "call $at: $err"
            if $code ne 0 && $err !~ m{"\Q$dir\E/new\.(?:key|pub)"(?: exists already|: File exists)};
        if ($code ne 0 && $end ne '0') {
            unlink "$dir/new.key", "$dir/new.pub";
            ($code, undef, $err) = $base->run('keygen', "$dir/new");
            push @wrong, "call $at, again: $err" if $code ne 0;
        }
        local $base->{key} = "$dir/new.key";
        ($code, undef, $err) = $base->run(qw(apply --dry-run), "$dir/fresh.json");
        push @wrong, "call $at: cannot sign: $err" if $code ne 0;
        push @wrong, map { "call $at: left: $_" } glob "$dir/.tmp-*";
        unlink "$dir/new.key", "$dir/new.pub";
        last if $end eq '0' || @wrong > 3;
    }
    is_deeply \@wrong, [], "keygen: killed at each of $at calls";
}

# init is finished by the next one, wherever it was killed.
{
    my ($at, @wrong) = 0;
    for (;;) {
        my $half = Depot->new(dir => $dir, depot => "$dir/base");
        $half->{depot} = "$dir/half";
        my $end = strike($half, ++$at, $at % 2, 'init');
        my ($code, undef, $err) = $half->run('init');
        push @wrong, "call $at: $end, $err"
            if $code ne 0 && $err !~ /is a depot already/;
        ($code, undef, $err) = $half->run(qw(list add a l u));
        push @wrong, "call $at: does not work: $err" if $code ne 0;
        push @wrong, "call $at: left: $_"
            for temps($half), grep { /tmp/ } $half->files('.');
        drop($half);
        last if $end eq '0';
    }
    {
        is_deeply \@wrong, [], "init: killed at each of $at calls";
    }
}

# --- at any moment

my %ends;
my @wrong;
my $kills = 0;
while ($kills < 20 || time < $begun + $soak
    || (($ends{killed} // 0) < $kills / 10 && $kills < 400))
{
    my $i = ++$kills;
    my $command = $commands[$i % @commands];
    my $name = Depot::short(@$command);
    my $signal = $i % 5 == 0 ? 'INT' : 'KILL';
    my $d = trial();

    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        $ENV{MDS_DEPOT} = $d->{depot};
        $ENV{MDS_KEY}   = $d->{key};
        exec "$Ctl::build/mdsctl", @$command or POSIX::_exit(127);
    }
    sleep rand 0.02;
    kill $signal, $pid;
    waitpid $pid, 0;
    $ends{ $? & 127 ? 'killed' : $? == 0 ? 'done' : 'failed' }++;

    my $what = wrong_with($d, $before{$name}, $after{$name}, @$command);
    push @wrong, "$name, $signal: $what" if $what ne '';
    drop($d);
}
is_deeply \@wrong, [], "$kills kills at random";
cmp_ok $ends{killed} // 0, '>=', $kills / 10, 'many came in time';
note join ', ', map { "$_ $ends{$_}" } sort keys %ends;
ok !$ends{failed}, 'none failed';

# --- a change that was committed, and is not in force yet: the next command
# of any kind finishes it.

{
    my $d = trial();
    $d->must(qw(pause a r2));
    my $serial = current($d);
    my $bytes = Ctl::read_file("$d->{depot}/CURRENT");
    open my $file, '+<:raw', "$d->{depot}/CURRENT" or die;
    print $file substr($bytes, 0, 8), pack 'Q<', $serial - 1;
    close $file;
    is $d->decides(qw(app=a kind=upgrade))->{serial}, $serial - 1,
        'workers stay with the generation before';
    is $d->asks('status')->{serial}, $serial, 'the next command finishes it';
    is current($d), $serial, 'for the workers, too';
    drop($d);
}

# --- one that comes late with its switch does not go back behind another's

{
    my $d = trial();
    my $serial = $d->serial;
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        $ENV{LD_PRELOAD}    = join ' ', grep { length } $asan, "$dir/killer.so";
        $ENV{KILLER_UNLOCK} = 3000;
        $ENV{MDS_DEPOT}     = $d->{depot};
        exec "$Ctl::build/mdsctl", qw(list add a x late)
            or POSIX::_exit(127);
    }
    # it has committed, and sleeps
    my $journal = "$d->{depot}/journal/data.mdb";
    my $was = Ctl::read_file($journal);
    for (1 .. 3000) {
        last if Ctl::read_file($journal) ne $was;
        sleep 0.02;
    }
    my $facts = $d->asks(qw(list add a x early));
    waitpid $pid, 0;
    is $?, 0, 'the late one is done';
    is $facts->{serial}, $serial + 2, 'the other one came behind it';
    {
        is current($d), $serial + 2, 'and stays in force';
    }
    is_deeply [split /\n/, $d->must(qw(list show a x))],
        [qw(somebody late early)], 'both are there';
    drop($d);
}

# --- several at once

{
    my $d = trial();
    my $from = $d->serial;
    my %pids;
    for my $i (1 .. 10) {
        my $pid = fork // die "fork: $!";
        if ($pid == 0) {
            open STDOUT, '>', "$dir/said-$i";
            open STDERR, '>&', \*STDOUT;
            $ENV{MDS_DEPOT} = $d->{depot};
            for my $j (1 .. 5) {
                system("$Ctl::build/mdsctl", qw(list add a load_gen), "id-$i-$j")
                    == 0 or POSIX::_exit(1);
            }
            POSIX::_exit(0);
        }
        $pids{$pid} = $i;
    }
    my $failed = 0;
    for my $pid (keys %pids) {
        waitpid $pid, 0;
        $failed++ if $? != 0;
    }
    is $failed, 0, 'ten loaders at once: all done';
    is_deeply [sort split /\n/, $d->must(qw(list show a load_gen))],
        [sort map { my $i = $_; map { "id-$i-$_" } 1 .. 5 } 1 .. 10],
        'all ids are there';
    is $d->serial, $from + 50, 'a serial each';
    is current($d), $d->serial, 'the last one is in force';
    is_deeply [map { $_->{serial} } @{ $d->asks('log') }[0 .. 49]],
        [reverse $from + 1 .. $from + 50], 'an entry each';
    my %said;
    $said{$_}++ for map { Ctl::read_file("$dir/said-$_") =~ /^serial (\d+)/mg }
        1 .. 10;
    {
        is_deeply [sort { $a <=> $b } keys %said], [$from + 1 .. $from + 50],
            'each said its own';
    }
    drop($d);
}

done_testing;
