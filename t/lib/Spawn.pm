package Spawn;

# Runs a command and waits for it, by t/lib/spawn.c, which says why that is not
# left to fork.
#
#   my $status = Spawn::run(\%env, $stdin, $stdout, $stderr, @command);

use strict;
use warnings;

use Cwd qw(getcwd);
use POSIX ();
use Socket;

my $program = (defined $ENV{MDS_BUILD} ? $ENV{MDS_BUILD}
    : __FILE__ =~ s{t/lib/[^/]*\z}{}r . 'build') . '/spawn';
my $owner   = $$;
my ($socket, $child, $is_busy);

# What the last command took, with its children: seconds on the CPU, and KiB in
# memory at most. A fork of a Perl would count as well.
our ($cpu, $peak);

END {
    if (defined $child && $$ == $owner) {
        my $status = $?;
        shutdown $socket, 2;    # a child of the test may have a copy
        waitpid $child, 0;
        $? = $status;
    }
}

# The status as in $?. %$env is all of the environment. A file name is that of a
# file to read, or one to write.
sub run {
    my ($env, $in, $out, $err, @command) = @_;

    # A child of the test shares the socket. A handler of a signal may have left
    # an answer unread. The program is looked up in PATH by exec only.
    return run_by_fork(@_)
        if $$ != $owner || $is_busy || $command[0] !~ m{/} || !start();

    my @strings = ($in, $out, $err, getcwd() // '/', sprintf('%o', umask),
        scalar @command, @command,
        map { "$_=" . ($env->{$_} // '') } keys %$env);
    utf8::is_utf8($_) && utf8::encode($_) for @strings;    # as exec does
    my $request = join '', map { "$_\0" } @strings;

    $is_busy = 1;
    my $bytes = pack('L', length $request) . $request;
    while (length $bytes) {
        my $n = syswrite $socket, $bytes;
        die "spawn: $!" if !defined $n && !$!{EINTR};
        substr $bytes, 0, $n // 0, '';
    }
    my $answer = '';
    while (length $answer < 24) {
        my $n = sysread $socket, $answer, 24 - length $answer, length $answer;
        die "spawn: $!" if defined $n ? $n == 0 : !$!{EINTR};
    }
    $is_busy = 0;
    my ($status, $us, $kib) = unpack 'q3', $answer;
    ($cpu, $peak) = ($us / 1e6, $kib);
    return $status;
}

sub start {
    return $child if defined $child;
    return if !-x $program;

    socketpair $socket, my $other, AF_UNIX, SOCK_STREAM, PF_UNSPEC
        or die "socketpair: $!";
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDIN, '<&', $other or POSIX::_exit(127);
        exec $program or POSIX::_exit(127);
    }
    close $other;
    return $child = $pid;
}

sub run_by_fork {
    my ($env, $in, $out, $err, @command) = @_;

    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        %ENV = %$env;
        open STDIN,  '<', $in;
        open STDOUT, '>', $out;
        open STDERR, '>', $err;
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    return $?;
}

1;
