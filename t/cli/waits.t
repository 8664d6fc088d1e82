#!/usr/bin/perl

# A loader that has to wait for another one says so, with the process that it
# waits for, and goes on when that is done.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Fcntl qw(F_GETLK F_WRLCK F_UNLCK);
use File::Temp qw(tempdir);
use POSIX ();
use Test::More;

use Depot;

my $FLOCK = 's s x4 q q i x4';    # struct flock, 64 bits
my $dir   = tempdir(CLEANUP => 1);
my $d     = Depot->new(user => 'root', dir => $dir);

# Zeros that take no place, but long to be read.
open my $large, '>', "$dir/large" or die;
truncate $large, 200 << 20 or die;
close $large;

sub start {
    my ($err, @command) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    open STDIN,  '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>&', $err;
    @ENV{qw(MDS_DEPOT MDS_KEY)} = @$d{qw(depot key)};
    { exec "$Ctl::build/mdsctl", @command }
    POSIX::_exit(127);
}

# The process that has the journal's lock, as the system sees it.
sub reader_holder {
    open my $file, '+<', "$d->{depot}/journal/data.mdb" or die;
    my $lock = pack $FLOCK, F_WRLCK, 0, 0, 1, 0;
    fcntl $file, F_GETLK, $lock or die "fcntl: $!";
    my ($type, undef, undef, undef, $pid) = unpack $FLOCK, $lock;
    return $type == F_UNLCK ? 0 : $pid;
}

# A loader in the middle of its change, and stopped there.
my $first;
for my $version (1 .. 20) {
    $first = start(\*STDERR, 'publish', "$dir/large", '--app', 'a', '--kind',
        'upgrade', '--version', "$version.0", '--deltas', 0);
    1 while reader_holder() != $first && waitpid($first, POSIX::WNOHANG()) == 0;
    kill 'STOP', $first;
    last if reader_holder() == $first;
    waitpid $first, 0;
    undef $first;
}
ok $first, 'a loader is stopped in the middle of its change'
    or BAIL_OUT('no loader to wait for');

pipe my $from, my $to or die "pipe: $!";
my $second = start($to, 'list', 'add', 'a', 'staff', 'u');
close $to;
is scalar <$from>, "mdsctl: waiting for another loader, process $first\n",
    'the next one says whom it waits for';
is waitpid($second, POSIX::WNOHANG()), 0, '... and waits';

kill 'CONT', $first;
waitpid $first, 0;
is $?, 0, 'the first ends';
is scalar <$from>, undef, 'the second says no more';
waitpid $second, 0;
is $?, 0, '... and is done';
is $d->must(qw(list show a staff)), "u\n", '... with its change';

# Reading needs no lock.
my ($code, undef, $err) = $d->run('status');
is "$code:$err", '0:', 'who reads does not wait';

done_testing;
