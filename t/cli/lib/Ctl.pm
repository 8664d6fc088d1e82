package Ctl;

# Runs the mdsctl that was built and hands back what it said.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use lib dirname(__FILE__) . '/../../lib';

use Spawn;

our @EXPORT = qw(ctl);
our @EXPORT_OK = qw(ctl_as);

# Debian's, before one of a version manager that starts shells first.
our $PYTHON = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';

our $build = $ENV{MDS_BUILD}
    // abs_path(dirname(__FILE__) . '/../../..') . '/build';
my $dir = tempdir(CLEANUP => 1);

# What the one who runs the tests has set must not decide them.
delete @ENV{qw(MDS_DEPOT MDS_KEY http_proxy https_proxy all_proxy)};

our $stdin;    # a file; undefined: nothing is to be read

# (exit code, stdout, stderr)
sub ctl {
    my (@args) = @_;
    my $status = Spawn::run(\%ENV, $stdin // '/dev/null', "$dir/out",
        "$dir/err", "$build/mdsctl", @args);
    return ($status & 127 ? "signal $status" : $status >> 8,
        map { read_file("$dir/$_") } qw(out err));
}

# The same as another user, who may not come to where it was built: below a home
# that is 0700, say. (exit code, stdout and stderr in one)
our $group;    # the user is a member of it, besides
my $elsewhere;

sub ctl_as {
    my ($user, @args) = @_;
    my ($uid, $gid) = (getpwnam $user)[2, 3];

    if (!defined $elsewhere) {
        $elsewhere = tempdir(DIR => '/tmp', CLEANUP => 1);
        copy("$build/mdsctl", "$elsewhere/mdsctl") or die "mdsctl: $!";
        chmod 0755, $elsewhere, "$elsewhere/mdsctl";
    }

    my $pid = open(my $pipe, '-|') // die "fork: $!";
    if ($pid == 0) {
        $) = join ' ', $gid, defined $group ? scalar getgrnam $group : $gid;
        ($(, $<, $>) = ($gid, $uid, $uid);
        chdir '/';
        open STDIN,  '<', '/dev/null';
        open STDERR, '>&', \*STDOUT;
        exec { "$elsewhere/mdsctl" } "$elsewhere/mdsctl", @args;
        exit 127;
    }
    my $said = join '', <$pipe>;
    close $pipe;
    return ($? & 127 ? "signal $?" : $? >> 8, $said);
}

sub read_file {
    my ($path) = @_;
    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}

1;
