#!/usr/bin/perl

# Several loaders at once, each of all commands: every change that was told to
# be done is in the log once, under the serial that was told, serials have no
# holes, and the depot is whole. MDS_SOAK=SECONDS for longer.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use Depot;

my $SECONDS = $ENV{MDS_SOAK} // 4;
my ($memory) = grep { -d && -w } '/dev/shm';
my $dir  = tempdir(CLEANUP => 1, defined $memory ? (DIR => $memory) : ());
my $d    = Depot->new(user => 'root', dir => $dir);
my @till = qw(--until 2090-01-01T00:00:00Z);
my @up   = qw(--kind upgrade --version);

$d->put('users', "u\n");
$d->put('first', 'the first');
$d->must('publish', "$dir/first", '--app', $_, @up, 0, '--new-app')
    for qw(own-1 own-2 own-3 all);

# What a loader does, again and again with another version: each step in an app
# of its own, and in one that all share.
sub steps {
    my ($loader, $round) = @_;
    my $v    = "$loader.$round";
    my $list = $loader % 2 ? 'odd' : 'even';
    my @packages;

    for my $app ("own-$loader", 'all') {
        push @packages, $d->put("$app-$loader", "$app $v" . Depot::noise($v, 3000));
    }
    return map { my $app = $_; my $package = shift @packages; (
        ['publish', $package, '--app', $app, @up, $v],
        ['release', $app, "r-$v", @up, $v, '--percent', 10],
        ['promote', $app, "r-$v", '--all'],
        ['list', 'import', $app, $list, "$dir/users", '--add'],
        ['list', 'add', $app, $list, "id-$v"],
        ['list', 'remove', $app, $list, "id-$v"],
        ['message', 'push', $app, '--users', "$dir/users", '--to', 'p=0', @till],
        ['pause', $app, "r-$v"],
        ['resume', $app, "r-$v"],
        ['end', $app, "r-$v"],
        ['gc'], ['verify'], ['snapshot', "$dir/snapshot-$loader"],
    ) } "own-$loader", 'all';
}

# Exit status, signal and what was said.
sub run {
    my (@command) = @_;
    local @ENV{qw(MDS_DEPOT MDS_KEY)} = @$d{qw(depot key)};
    my $said = `'$Ctl::build/mdsctl' --json @{[ join ' ', map { "'$_'" }
        @command ]} 2>&1`;
    return ($? >> 8, $? & 127, $said =~ s/\s+/ /gr);
}

my @pids;
for my $loader (1 .. 3) {
    my $pid = fork // die "fork: $!";
    push @pids, $pid and next if $pid;

    open my $out, '>', "$dir/told-$loader" or POSIX::_exit(1);
    my $end = time + $SECONDS;
    for (my $round = 1; $round == 1 || time < $end; $round++) {
        print $out join("\t", "@$_", run(@$_)), "\n" for steps($loader, $round);
    }
    close $out;
    POSIX::_exit(0);
}
waitpid $_, 0 for @pids;

my (%told, %count, @wrong);
for my $loader (1 .. 3) {
    for (split /\n/, Ctl::read_file("$dir/told-$loader")) {
        my ($step, $code, $signal, $said) = split /\t/;
        $count{ (split ' ', $step)[0] }++;
        $count{pushed}++ if $step =~ /^message push all /;
        push @wrong, "$step: $code, $signal: $said" if "$code$signal" ne '00';

        # what has changed nothing says the serial that there was
        push @{ $told{$1} }, $step
            if $said =~ /"serial": (\d+), .*"changes": \[ \{/;
    }
}
is join("\n", grep { defined } @wrong[0 .. 3]), '', 'none fails';

my $log    = $d->asks('log');
my $serial = $d->serial;
is_deeply [ map { $_->{serial} } @$log ], [ reverse 1 .. $serial ],
    "serials 1 to $serial have an entry each";
is join(' ', grep { @{ $told{$_} // [] } != 1 } 5 .. $serial), '',
    '... and were told to one loader each';
is join("\n", grep { defined && $_ ne '' } map { my ($one) = @{
    $told{ $_->{serial} } // [] }; my ($word) = split ' ', $_->{command};
    !$one || $one =~ /^\Q$word\E / && $one =~ / \Q$_->{app}\E / ? ''
        : "$_->{serial}: $_->{command}, not $one" } @$log), '',
    '... the one that has made it';

my ($code, $out) = $d->run('verify', '--pub', "$dir/ops.pub");
is $code, 0, 'the depot is whole' or diag $out;
is_deeply [ sort { $a <=> $b } map { $_->{id} }
    @{ $d->asks(qw(message list all u)) } ], [ 1 .. $count{pushed} ],
    "$count{pushed} messages have ids without holes";
is $d->must(qw(list show all odd)), "u\n", 'lists are as they should be';
note "$serial changes by 3 loaders, ", join ', ', map { "$_ $count{$_}" }
    sort keys %count;
done_testing;
