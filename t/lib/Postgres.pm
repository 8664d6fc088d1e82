package Postgres;

# A PostgreSQL server of Debian's, which runs as an unprivileged user on a Unix
# socket in a folder of its own; both are gone when the test ends.
#
#   my $pg = Postgres->new;         # undef where PostgreSQL is not installed
#   $pg->uri;                       # for mdsctl
#   $pg->sql('select 1');           # what psql prints
#   $pg->kill9; $pg->freeze; $pg->thaw; $pg->start;
#   my $standby = $pg->standby;     # synchronous from now on
#   $pg->kill9; $standby->promote;

use strict;
use warnings;

use Cwd qw(abs_path);
use Fcntl qw(LOCK_EX);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Handle;
use IPC::Open2 qw(open2);
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

our ($BIN) = reverse sort glob '/usr/lib/postgresql/*/bin';
our $BUILD = $ENV{MDS_BUILD} || abs_path(dirname(__FILE__) . '/../..') . '/build';
my @live;

END {
    my $status = $?;
    $_->destroy for @live;
    $? = $status;
}

sub is_installed { return defined $BIN && -x "$BIN/postgres" }

# settings => [ 'fsync=off', ... ]
sub new {
    my ($class, %self) = @_;
    return if !is_installed();

    my $self = bless { owner => $$, settings => [], %self }, $class;
    $self->{dir} = tempdir('mds-pg-XXXXXXXX', DIR => '/tmp');
    $self->{user} = $> == 0 ? 'nobody' : scalar getpwuid $>;
    chown((getpwnam $self->{user})[2, 3], $self->{dir});
    push @live, $self;
    $self->make_data;
    return $self->start;
}

# The folder of a server: a copy of that of the primary, which it follows, or of
# one that was made once for all tests.
sub make_data {
    my ($self) = @_;
    return $self->run("$BIN/pg_basebackup", '-D', "$self->{dir}/data", '-h',
        $self->{primary}{dir}, qw(-U mds -R -X stream -c fast --no-sync)) if $self->{primary};

    my ($version) = $BIN =~ m{/(\d+)/bin$};
    my $template = "$BUILD/postgres-$version-$self->{user}";
    my $data = "$self->{dir}/data";
    open my $lock, '>>', "$template.lock" or die "$template.lock: $!";
    flock $lock, LOCK_EX or die "$template.lock: $!";
    if (-d $template) {
        system('cp', '-a', $template, $data) == 0 or die "cp $template";
        return;
    }
    $self->run("$BIN/initdb", '-D', $data, qw(-U mds -A trust -E UTF8 --no-locale --no-sync));
    remove_tree("$template.new");
    system('cp', '-a', $data, "$template.new") == 0 && rename "$template.new", $template
        or die "cp $template";
}

# A command as the server's user.
sub run {
    my ($self, @command) = @_;
    my $pid = $self->spawn(@command);
    waitpid $pid, 0;
    die "@command: exit $?: " . $self->log if $? != 0;
}

sub spawn {
    my ($self, @command) = @_;
    my ($uid, $gid) = (getpwnam $self->{user})[2, 3];
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        setpgrp;
        if ($> == 0) {
            $) = "$gid $gid";
            ($(, $<, $>) = ($gid, $uid, $uid);
        }
        chdir $self->{dir};
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>>', "$self->{dir}/log";
        open STDERR, '>>', "$self->{dir}/log";
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    return $pid;
}

sub start {
    my ($self) = @_;
    my @settings = map { ('-c', $_) } 'listen_addresses=',
        "unix_socket_directories=$self->{dir}", 'max_connections=200',
        'shared_buffers=64MB', @{ $self->{settings} };

    unlink "$self->{dir}/data/postmaster.pid" if $self->{was_killed};
    $self->{pid} = $self->spawn("$BIN/postgres", '-D', "$self->{dir}/data",
        @settings);
    for (my $end = time + 120; time < $end; sleep 0.05) {
        die 'PostgreSQL does not start: ' . $self->log
            if waitpid($self->{pid}, WNOHANG) == $self->{pid};
        return $self
            if system("$BIN/pg_isready -q -h $self->{dir} 2> /dev/null") == 0;
    }
    die 'PostgreSQL does not start: ' . $self->log;
}

# A server that streams from this one. Commits wait until it has them.
sub standby {
    my ($self) = @_;
    my $standby = Postgres->new(primary => $self);
    $self->sql("alter system set synchronous_standby_names = '*'");
    $self->sql('select pg_reload_conf()');
    for (my $end = time + 60; time < $end; sleep 0.05) {
        return $standby if $self->sql("select sync_state from pg_stat_replication") eq 'sync';
    }
    die 'the standby does not stream: ' . $standby->log;
}

sub promote {
    my ($self) = @_;
    $self->run("$BIN/pg_ctl", '-D', "$self->{dir}/data", '-w', '-s', 'promote');
}

sub uri { return "postgresql://mds\@/postgres?host=$_[0]{dir}" }

# What psql prints, without its last newline. It waits for a server that
# recovers. A psql runs for as long as its connection does, since to start one
# takes longer than most statements.
sub sql {
    my ($self, $sql) = @_;
    for (my $end = time + 60; ; sleep 0.1) {
        my $psql = $self->{psql}{$$} //= $self->spawn_psql;
        my $said = ask($psql, $sql);
        if (defined $said) {
            chomp $said;
            return $said;
        }
        delete $self->{psql}{$$};
        close $psql->{in};
        waitpid $psql->{pid}, 0;
        # 2: no connection. One that ends within a statement is its error, 3.
        my $is_lost = $? >> 8 == 2
            || $psql->{said} =~ /terminating connection|server closed the connection/;
        die "psql: $psql->{said}" if !$is_lost || time > $end;
    }
}

sub spawn_psql {
    my ($self) = @_;
    my $pid = open2(my $out, my $in, "exec psql -X -q -A -t -v ON_ERROR_STOP=1 -h $self->{dir}"
        . ' -U mds postgres 2>&1');
    $in->autoflush;
    return { pid => $pid, in => $in, out => $out };
}

# undef: psql has ended.
sub ask {
    my ($psql, $sql) = @_;
    local $SIG{PIPE} = 'IGNORE';
    $psql->{said} = '';
    print { $psql->{in} } "$sql\n;\n\\echo psql-has-done\n";
    while (defined(my $line = readline $psql->{out})) {
        return $psql->{said} if $line eq "psql-has-done\n";
        $psql->{said} .= $line;
    }
    return;
}

sub log {
    my ($self) = @_;
    open my $file, '<', "$self->{dir}/log" or return '';
    local $/;
    return scalar <$file>;
}

# All processes of the server, the first one first.
sub pids {
    my ($self) = @_;
    my $pid = $self->{pid} or return;
    open my $file, '<', "/proc/$pid/task/$pid/children" or return $pid;
    return ($pid, split ' ', <$file> // '');
}

sub freeze { kill 'STOP', reverse $_[0]->pids }
sub thaw   { kill 'CONT', $_[0]->pids }

# As a machine that loses its power, but for the disk.
sub kill9 {
    my ($self) = @_;
    my @pids = $self->pids;
    kill 'KILL', @pids;
    waitpid delete $self->{pid}, 0;
    sleep 0.02 while grep { kill 0, $_ } @pids[1 .. $#pids];
    $self->{was_killed} = 1;
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill 'CONT', $pid;
    kill 'INT',  $pid;    # ends the connections
    for (my $end = time + 20; time < $end; sleep 0.05) {
        return if waitpid($pid, WNOHANG) == $pid;
    }
    kill 'QUIT', $pid;
    waitpid $pid, 0;
}

sub destroy {
    my ($self) = @_;
    return if $self->{owner} != $$;
    if ($self->{pid}) {    # at once: its data are not needed
        $self->thaw;
        kill 'QUIT', $self->{pid};
        waitpid delete $self->{pid}, 0;
    }
    remove_tree($self->{dir});
}

1;
