package Tree;

# Copies folders as "cp -a" does, and removes them, without other processes: to start one
# costs more than to copy a small depot.
#
#   copy_tree("$dir/base", "$dir/trial");    # in the place of what is there
#   remove_tree("$dir/trial");

use strict;
use warnings;

use Exporter qw(import);
use Fcntl qw(:mode);
use POSIX ();
use Time::HiRes ();

our @EXPORT = qw(copy_tree remove_tree);

sub copy_tree {
    my ($from, $to) = @_;
    remove_tree($to);
    copy($from, $to, {});
}

# %$links has the copy of each file that has several names.
sub copy {
    my ($from, $to, $links) = @_;
    my @st = Time::HiRes::lstat($from) or die "$from: $!";
    my ($dev, $inode, $mode, $count, $uid, $gid) = @st;

    if (S_ISLNK($mode)) {
        symlink readlink($from), $to or die "$to: $!";
        POSIX::lchown($uid, $gid, $to) if $> == 0;
        return;
    }
    if (S_ISDIR($mode)) {
        mkdir $to or die "$to: $!";
        copy("$from/$_", "$to/$_", $links) for names($from);
    } elsif (S_ISREG($mode)) {
        my $copy = \$links->{"$dev $inode"};
        if ($count > 1 && defined $$copy) {
            link $$copy, $to or die "$to: $!";
            return;
        }
        $$copy = $to;
        copy_bytes($from, $to);
    } elsif (S_ISFIFO($mode)) {
        POSIX::mkfifo($to, 0600) or die "$to: $!";
    } else {
        die "$from: a file of a kind that is not copied";
    }

    $> != 0 or chown $uid, $gid, $to or die "$to: $!";
    chmod $mode & 07777, $to or die "$to: $!";
    Time::HiRes::utime($st[8], $st[9], $to) or die "$to: $!";
}

sub copy_bytes {
    my ($from, $to) = @_;
    open my $in,  '<:raw', $from or die "$from: $!";
    open my $out, '>:raw', $to   or die "$to: $!";
    while (my $n = sysread $in, my $bytes, 1 << 20) {
        (syswrite($out, $bytes) // 0) == $n or die "$to: $!";
    }
    close $out or die "$to: $!";
}

sub remove_tree {
    my ($path) = @_;
    lstat $path or return;
    if (-d _) {
        remove_tree("$path/$_") for names($path);
        rmdir $path or die "$path: $!";
    } else {
        unlink $path or die "$path: $!";
    }
}

sub names {
    my ($path) = @_;
    opendir my $folder, $path or die "$path: $!";
    return grep { !/^\.\.?$/ } readdir $folder;
}

1;
