package Bench::Callgrind;

# Instructions of nginx, outside the kernel, for a request: what no noise can
# touch. nginx runs once more under valgrind, one process, with the same
# configuration but for its port; over one connection it is asked for the same
# once, and then three times. The difference is what the requests cost. What is
# looked at only when it is first asked for has been asked for before.
#
# build/bench/NAME.callgrind is left, for callgrind_annotate.

use strict;
use warnings;

use Bench::Side;
use Exporter qw(import);
use File::Copy qw(move);
use List::Util qw(max min);
use MDS;
use POSIX ();

our @EXPORT = qw(instructions);

my %running;    # by the directory of the nginx that is as it
my %counted;    # by name

END {
    local $?;
    for my $t (values %running) { kill 'TERM', $t->{pid}; waitpid $t->{pid}, 0 }
}

# The nginx of the side, under valgrind.
sub running {
    my ($t) = @_;
    return $running{ $t->dir } //= do {
        my $twin = bless { %$t, port => $t->free_port, dir => $t->dir . '/cg',
            patience => 300 },
            'MDS';
        mkdir $twin->dir or die $twin->dir . ": $!";
        copy_depot($t, $twin) if -e $t->depot_dir;
        $twin->write('nginx.conf', conf($t, $twin));
        spawn($twin);
        $twin;
    };
}

# One process, another port, another folder.
sub conf {
    my ($t, $twin) = @_;
    my $conf = $t->read('nginx.conf');

    $conf =~ s/\Q$t->{dir}\E\/depot/$twin->{dir}\/depot/g;
    $conf =~ s/127\.0\.0\.1:$t->{port}/127.0.0.1:$twin->{port}/g;
    $conf =~ s/^(pid|error_log) \S*\/(.*)/$1 $twin->{dir}\/$2/mg;
    $conf =~ s/^daemon off;/daemon off; master_process off;/m;

    return $conf;
}

# The same files without the state: under valgrind there is no room for its
# map, and that it does not open would be found out every second.
sub copy_depot {
    my ($t, $twin) = @_;
    my @parts = map { $t->depot_dir . "/$_" } qw(CURRENT catalog lists files);

    mkdir $twin->depot_dir or die $twin->depot_dir . ": $!";
    system('cp', '-al', @parts, $twin->depot_dir) == 0
        or die 'no copy of the depot';
}

sub spawn {
    my ($twin) = @_;
    my $dir = $twin->dir;

    $twin->{pid} = fork // die "fork: $!";
    if ($twin->{pid} == 0) {
        setpgrp;
        open STDOUT, '>', "$dir/valgrind.log";
        open STDERR, '>&', \*STDOUT;
        exec qw(valgrind --tool=callgrind --instr-atstart=no),
            "--callgrind-out-file=$dir/out", $MDS::NGINX, '-p', $dir, '-e',
            "$dir/error.log", '-c', "$dir/nginx.conf" or POSIX::_exit(127);
    }

    $twin->wait_for(sub { $twin->connect })
        or die 'valgrind: ' . $twin->read('valgrind.log') . $twin->error_log;
    control($twin, '-i', 'on');
}

sub control {
    my ($twin, @words) = @_;
    my $said = `callgrind_control @words $twin->{pid} 2>&1`;
    die "callgrind_control @words: $said" if $said !~ /OK\./;
}

# The total while the requests are sent.
sub total {
    my ($twin, $side, $count) = @_;

    unlink glob $twin->dir . '/out*';
    control($twin, '-z');
    ask_many($side, $count);
    control($twin, '-d');

    my ($out) = glob $twin->dir . '/out*';
    return $twin->read($out) =~ /^summary: (\d+)/m ? $1
        : die 'callgrind says no summary';
}

# A depot is looked at as a whole before it is served.
sub like {
    my @sides = @_;
    my @said  = map { $_->status . ' ' . length $_->body }
        map { answer($_) } @sides;
    return $said[0] eq $said[1];
}

# Of what has this name; it is counted once.
sub instructions {
    my ($name, $side) = @_;
    return $counted{$name} //= counted($name, $side);
}

sub counted {
    my ($name, $side) = @_;

    my $twin  = running($side->{t});
    my $count = max(20, min(200, scalar @{ $side->{requests} }));
    my $same  = side($twin,
        grep { defined } @{ $side->{requests} }[ 0 .. $count - 1 ]);

    $twin->wait_for(sub { like($same, $side) })
        or die 'under valgrind, the answer is another';
    ask_many($same, 5 * $count);
    my $found = settled($twin, $same, $count);
    die 'under valgrind, the answer has become another'
        if !like($same, $side);

    my ($profile) = glob $twin->dir . '/out*';
    move($profile, "$MDS::BUILD/bench/" . $name =~ tr/a-zA-Z0-9/-/csr
        . '.callgrind');

    return $found;
}

# Threads may still be at work, and Lua compiling: until it is twice the same.
sub settled {
    my ($twin, $side, $count) = @_;
    my $last = 0;

    for (1 .. 20) {
        my ($few, $many) = map { total($twin, $side, $_ * $count) } 1, 3;
        my $now = ($many - $few) / (2 * $count);
        return $now if abs($now - $last) < 0.01 * abs $now;
        $last = $now;
    }

    die 'the count of instructions does not settle';
}

1;
