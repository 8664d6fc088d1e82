package LoadGen;

# Many devices at once against one nginx or several (load_gen.c), and what each
# of them was told.
#
#   my $load_gen = LoadGen->new;
#   my $run = $load_gen->start(ports => [...], devices => 1000, answers => 5000,
#                           target => '/check?device=#', leave => 20);
#   ... kill something ...
#   my $told = $load_gen->wait($run);   # yes => { DEVICE => times }, no, other,
#                                    # lost, fickle, p50, p99, seconds
#   my $told = $load_gen->ask_all(ports => ..., devices => ..., target => ...);

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp qw(tempdir);

sub new {
    my ($class) = @_;

    my $self = bless { dir => tempdir(CLEANUP => 1), runs => 0 }, $class;
    my $cc   = $ENV{CC} // 'cc';
    my $file = dirname(__FILE__) . '/load_gen.c';

    system(split(/ /, $cc), qw(-O2 -D_GNU_SOURCE -o), "$self->{dir}/load_gen",
        $file) == 0
        or die "$cc cannot compile $file";

    return $self;
}

sub start {
    my ($self, %run) = @_;

    $run{out} = "$self->{dir}/out." . $self->{runs}++;
    $run{pid} = fork // die "fork: $!";
    return \%run if $run{pid};

    open STDOUT, '>', $run{out} or POSIX::_exit(126);
    exec "$self->{dir}/load_gen", join(',', @{ $run{ports} }),
        $run{connections} // 64, $run{answers} // 0, $run{devices},
        $run{leave} // 0, $run{target} or POSIX::_exit(127);
}

sub running {
    my ($self, $run) = @_;
    return !$run->{ended} && !($run->{ended} = waitpid($run->{pid}, 1) != 0);
}

sub wait {
    my ($self, $run) = @_;

    waitpid $run->{pid}, 0 if !$run->{ended};

    my %told = (yes => {}, no => {}, other => {});
    open my $out, '<', $run->{out} or die "$run->{out}: $!";
    while (<$out>) {
        if (/^(\d+) (\d+) (\d+) (\d+)$/) {
            $told{yes}{$1}   = $2 if $2;
            $told{no}{$1}    = $3 if $3;
            $told{other}{$1} = $4 if $4;
        } else {
            my %more = split ' ';
            %told = (%told, %more);
        }
    }

    die 'the load_gen has said nothing' if !exists $told{lost};
    return \%told;
}

# Each device once, and again if its answer got lost.
sub ask_all {
    my ($self, %run) = @_;
    return $self->wait($self->start(%run, answers => 0));
}

1;
