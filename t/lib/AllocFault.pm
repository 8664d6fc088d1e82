package AllocFault;

# Memory that runs short on command, in another process (alloc_fault.h).
#
#   my $alloc_fault = AllocFault->new($dir);           # compiles what is preloaded
#   $alloc_fault->so, $alloc_fault->environment         # to start the process with
#   my @places = $alloc_fault->places($pid, sub { ... });
#   my $failed = $alloc_fault->starve($pid, $from, $to, sub { ... });
#
# A pid of -1 is every process that was started so.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);

my $HERE = abs_path(dirname(__FILE__));
my @NAMES = qw(pid from to inside note calls failed live place_count);
my $BYTES = 8 * (@NAMES + 8000);

sub new {
    my ($class, $dir) = @_;
    my $self = bless { so => "$dir/alloc_fault.so", page => "$dir/alloc_fault" }, $class;
    my $cc   = $ENV{CC} // 'cc';

    system(split(/ /, $cc), qw(-O1 -shared -fPIC -o), $self->{so},
        "$HERE/alloc_fault.c") == 0 or die "$cc cannot compile alloc_fault.c";
    open $self->{file}, '+>:raw', $self->{page} or die "$self->{page}: $!";
    chmod 0666, $self->{page};    # workers are somebody else
    truncate $self->{file}, $BYTES or die $!;

    return $self;
}

sub so { $_[0]{so} }

# Beside that being preloaded.
sub environment { return (ALLOC_FAULT => $_[0]{page}) }

sub tell {
    my ($self, %words) = @_;
    sysseek $self->{file}, 0, 0;
    syswrite $self->{file}, pack 'q<*', map { $words{$_} // 0 } @NAMES;
}

sub ask {
    my ($self) = @_;
    sysseek $self->{file}, 0, 0;
    sysread $self->{file}, my ($bytes), $BYTES;
    my @numbers = unpack 'q<*', $bytes;
    my %words;
    @words{@NAMES} = splice @numbers, 0, scalar @NAMES;
    $words{places} = [ @numbers[0 .. $words{place_count} - 1] ];
    return \%words;
}

# The calls that the deed makes, each way to come to one once.
sub places {
    my ($self, $pid, $deed, %more) = @_;
    $self->tell(pid => $pid, note => 1, %more);
    $deed->();
    my $words = $self->ask;
    $self->tell;
    return @{ $words->{places} };
}

# How many calls failed during the deed.
sub starve {
    my ($self, $pid, $from, $to, $deed, %more) = @_;
    $self->tell(pid => $pid, from => $from, to => $to, %more);
    $deed->();
    my $words = $self->ask;
    $self->tell;
    return $words->{failed};
}

sub live { $_[0]->ask->{live} }

1;
