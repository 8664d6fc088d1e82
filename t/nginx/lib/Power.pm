package Power;

# Power cuts, played from a record of what was written and synced
# (t/cli/lib/recorder.c).
#
#   my $power = Power->new($dir);           # compiles the recorder
#   $power->env                             # for the processes to be recorded
#   $power->ack(WORDS)                      # the world was told, at this point
#   $power->play($cuts, sub { my ($image, @acks) = @_; ... });
#
# What a disk may hold after a cut: all that was synced; of every write since
# then each sector of 512 bytes or not; of the names made, moved and removed
# since their directory was synced, each or not. A file that is synced has no
# name by that. What was told before the cut goes to the callback, with the
# folder that the disk is laid out in.

use strict;
use warnings;

use Cwd qw(abs_path);
use Fcntl qw(:flock);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);

my $SECTOR = 512;

sub new {
    my ($class, $dir) = @_;
    my $self = bless { dir => abs_path($dir), acks => [] }, $class;

    my $cc = $ENV{CC} // 'cc';
    $self->{preload} = "$self->{dir}/recorder.so";
    system(split(/ /, $cc), qw(-O1 -shared -fPIC -o), $self->{preload},
        dirname(__FILE__) . '/../../cli/lib/recorder.c', '-ldl') == 0
        or die "$cc cannot compile the recorder";

    mkdir "$self->{dir}/disk";
    chmod 0755, "$self->{dir}/disk";
    $self->{log} = "$self->{dir}/log";
    open my $log, '>', $self->{log} or die $!;
    chmod 0666, $self->{log};
    return $self;
}

sub root { "$_[0]{dir}/disk" }

sub env {
    my ($self) = @_;
    return (RECORDER_ROOT => $self->root, RECORDER_LOG => $self->{log});
}

sub ack {
    my ($self, @words) = @_;
    open my $log, '>>:raw', $self->{log} or die $!;
    flock $log, LOCK_EX;
    syswrite $log, join("\t", 'ack', @words) . "\n";
}

# --- the record

sub records {
    my ($self) = @_;
    open my $log, '<:raw', $self->{log} or die $!;
    my @records;

    while (defined(my $line = <$log>)) {
        chomp $line;
        my @fields = split /\t/, $line;
        if ($fields[0] eq 'write') {
            read($log, my $bytes, $fields[4]) == $fields[4] or die 'cut short';
            read $log, my $end, 1;
            push @fields, $bytes;
        }
        push @records, \@fields;
    }
    return \@records;
}

# --- the disk: files {bytes, pending}, folders {names, pending}

sub file   { { bytes => '', pending => [] } }
sub folder { { names => {}, pending => [] } }

sub put_bytes {
    my ($bytes, $at, $data) = @_;
    $$bytes .= "\0" x ($at - length $$bytes) if length $$bytes < $at;
    substr $$bytes, $at, length $data, $data;
}

sub put_size {
    my ($bytes, $size) = @_;
    $$bytes = length $$bytes < $size
        ? $$bytes . "\0" x ($size - length $$bytes)
        : substr $$bytes, 0, $size;
}

# Of one write or change of size, all or each sector with that chance.
sub apply_write {
    my ($bytes, $write, $chance) = @_;
    my ($at, $data, $synced) = @$write;

    if (!defined $data) {
        put_size($bytes, $at) if rand() < $chance;
        return;
    }
    return put_bytes($bytes, $at, $data) if $synced || $chance >= 1;
    return if $chance <= 0;

    for (my $from = 0; $from < length $data;) {
        my $n = $SECTOR - ($at + $from) % $SECTOR;
        put_bytes($bytes, $at + $from, substr $data, $from, $n)
            if rand() < $chance;
        $from += $n;
    }
}

sub apply_names {
    my ($names, $change) = @_;
    for my $step (@$change) {
        my ($name, $what) = @$step;
        defined $what ? $names->{$name} = $what : delete $names->{$name};
    }
}

sub split_path { $_[0] =~ m{^(?:(.*)/)?([^/]+)$} ? ($1 // '.', $2) : die $_[0] }

# Names as the processes see them: all that was done.
sub now {
    my ($folder) = @_;
    my %names = %{ $folder->{names} };
    apply_names(\%names, $_) for @{ $folder->{pending} };
    return \%names;
}

sub find {
    my ($self, $path) = @_;
    my $at = $self->{disk};
    for my $name (grep { $_ ne '.' } split m{/}, $path) {
        $at = now($at)->{$name} // return;
    }
    return $at;
}

sub enter {
    my ($self, $path, $what) = @_;
    my ($folder, $name) = split_path($path);
    push @{ $self->find($folder)->{pending} }, [ [ $name, $what ] ];
}

sub move {
    my ($self, $from, $to, $swap) = @_;
    my ($a, $from_name) = split_path($from);
    my ($b, $to_name)   = split_path($to);
    my ($here, $there) = map { scalar $self->find($_) } $from, $to;
    my @out = [ $from_name, $swap ? $there : undef ];
    my @in  = [ $to_name, $here ];

    # within one folder it is one thing, or nothing
    if ($a eq $b) {
        push @{ $self->find($a)->{pending} }, [ @out, @in ];
    } else {
        push @{ $self->find($a)->{pending} }, [@out];
        push @{ $self->find($b)->{pending} }, [@in];
    }
}

sub sync {
    my ($what) = @_;
    if ($what->{names}) {
        $what->{names} = now($what);
    } else {
        apply_write(\$what->{bytes}, $_, 1) for @{ $what->{pending} };
    }
    $what->{pending} = [];
}

# One record. Files are known by their numbers: names may have moved on.
sub step {
    my ($self, $how, $path, $inode, @more) = @_;
    my $of = \$self->{inodes}{ $inode // '' };

    return push @{ $self->{acks} }, [ $path, $inode // (), @more ]
        if $how eq 'ack';
    return $self->enter($path, $$of = file())   if $how eq 'make';
    return $self->enter($path, $$of = folder()) if $how eq 'folder';
    return $self->enter($path, undef)           if $how eq 'drop';
    return $self->move($path, $more[0], $how eq 'swap')
        if $how eq 'move' || $how eq 'swap';

    my $what = $$of //= $self->find($path) // die "$how of unknown $path";
    return $self->enter($path, $what)           if $how eq 'link';
    return sync($what)                          if $how eq 'sync';
    return push @{ $what->{pending} }, [ $more[0] ] if $how eq 'size';

    my ($at, $length, $synced, $bytes) = @more;
    my $write = [ $at, $bytes, $synced ];
    apply_write(\$what->{bytes}, $write, 1) if $synced;
    push @{ $what->{pending} }, $write;
}

# --- what is left after a cut

# Files of the state are made by a process of the workers' user, who owns them
# from the beginning, and the folder that they are in.
my @WORKERS = grep { defined } (getpwnam 'www-data')[2, 3];
@WORKERS = (getpwnam 'nobody')[2, 3] if !@WORKERS;

sub give {
    my ($path) = @_;
    return if $> != 0 || $path !~ m{/state(?:/devices)?/[^/]+\z};
    chown @WORKERS, $path, dirname($path);
}

sub lay_out {
    my ($what, $to, $chance) = @_;

    if ($what->{names}) {
        mkdir $to;
        my %names = %{ $what->{names} };
        rand() < $chance and apply_names(\%names, $_)
            for @{ $what->{pending} };
        lay_out($names{$_}, "$to/$_", $chance) for sort keys %names;
        return;
    }
    my $bytes = $what->{bytes};
    apply_write(\$bytes, $_, $chance) for @{ $what->{pending} };
    open my $file, '>:raw', $to or die "$to: $!";
    print $file $bytes;
    close $file or die "$to: $!";
    give($to);
}

# So many points, some of them more than once: anywhere, or not far before or
# right behind what the world was told, each kind of that as often as another.
sub points {
    my ($records, $cuts) = @_;
    my (%at, %told);

    $records->[$_][0] eq 'ack' and push @{ $told{ $records->[$_][1] } }, $_
        for 0 .. $#$records;
    my @kinds = sort keys %told;

    for (1 .. $cuts) {
        my $point = int rand @$records;
        if (@kinds && rand() < 0.8) {
            my $told = $told{ $kinds[ rand @kinds ] };
            $point = $told->[ rand @$told ];
            $point -= int rand($point < 30 ? $point : 30) if rand() < 0.5;
        }
        $at{$point}++;
    }
    return \%at;
}

# Each of so many cuts with its own luck.
sub play {
    my ($self, $cuts, $check) = @_;
    my $records = $self->records;
    my $at = points($records, $cuts);

    $self->{disk}   = folder();
    $self->{inodes} = {};
    $self->{acks}   = [];

    for my $i (0 .. $#$records) {
        $self->step(@{ $records->[$i] });
        for my $n (1 .. $at->{$i} // 0) {
            my $image = "$self->{dir}/image";
            my $chance = (0, 0.1, 0.5, 0.9, 1)[ rand 5 ];
            lay_out($self->{disk}, $image, $chance);
            $check->($image, "cut behind record $i, $chance of what was not"
                . ' synced', $self->{acks});
            remove_tree($image);
        }
    }
    return scalar @$records;
}

1;
