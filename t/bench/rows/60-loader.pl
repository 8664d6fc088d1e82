# The loader, with 100,000 releases over 10,000 resources and 10 million ids,
# and the first request after what it has changed.

use strict;
use warnings;

use Bench;
use Bench::Documents;
use Bench::Load;
use Bench::Side;
use Bench::World;
use List::Util qw(max min);
use Time::HiRes qw(time);

my $CHANGES = 5;
my $PAUSES  = 100;

sub large { return world(resources => 10 * knob(RESOURCES => 1000)) }

sub milliseconds {
    my ($code) = @_;
    my $begun = time;
    $code->();
    return 1000 * (time - $begun);
}

# Milliseconds, of the clock and of the worker's CPU.
sub first_request {
    my $side     = large()->check(install => 'mds');
    my ($worker) = large()->{t}->workers;

    my $cpu = cpu_seconds($worker);
    my $ms  = milliseconds(sub {
        die 'no answer' if answer($side)->status != 200;
    });

    return [ $ms, 1000 * (cpu_seconds($worker) - $cpu) ];
}

sub first_row {
    my ($name, @firsts) = @_;

    row(
        name  => $name,
        value => median(map { $_->[0] } @firsts),
        unit  => 'ms',
        goal  => 10,
        note  => sprintf 'median of %d, %.2f at most; %.2f ms of CPU',
            scalar @firsts, max(map { $_->[0] } @firsts),
            median(map { $_->[1] } @firsts),
    );
}

# What the loader took for the world's `what`.
sub loaded {
    my ($name, $world, $what, $goal, $cpu_goal) = @_;

    row(name => $name, value => $world->{seconds}{$what}, unit => 's',
        goal => $goal);
    row(name => "$name, CPU time", value => $world->{cpu}{$what}, unit => 's',
        goal => $cpu_goal);
}

# The 99th percentile.
sub p99 {
    my @sorted = sort { $a <=> $b } @_;
    return $sorted[ $#sorted * 0.99 ];
}

measure 'list import' => sub {
    my $world = world();
    loaded('list import of ' . thousands($world->{ids}) . ' ids',
        $world, 'ids', 30);
};

measure 'apply' => sub {
    my $world = large();
    my $name  = 'apply of '
        . thousands($world->{resources} * $world->{releases}) . ' releases';

    loaded($name, $world, 'bench', 20, 8);
    row(name => "$name, peak memory", value => $world->{peak}{bench} / 1024,
        unit => 'MiB', goal => 512);

    my ($bench) = grep { $_->{app} eq 'bench' }
        documents(@$world{qw(resources releases)});
    $world->timed(again => 'apply',
        $world->{t}->document($bench, 'bench.json'));
    loaded('the same document again', $world, 'again', undef, 2);
};

measure 'pause' => sub {
    my (@pauses, @cpu, @firsts);
    # A release of each resource, so that none is paused already.
    for my $nth (1 .. min($PAUSES, large()->{resources})) {
        push @pauses, 1000 * large()->timed(pause => 'pause', 'bench',
            sprintf 'home-%05d-003', $nth);
        push @cpu,    1000 * large()->{cpu}{pause};
        push @firsts, first_request();
    }

    row(name => 'pause in that catalog, p99', value => p99(@pauses),
        unit => 'ms', goal => 50,
        note => sprintf 'of %d; median %.0f', scalar @pauses,
            median(@pauses));
    # 26 to 35 since mdsctl loads libcurl and libarchive only where they are
    # needed, 64 to 81 before.
    row(name => 'pause in that catalog, CPU time, p99', value => p99(@cpu),
        unit => 'ms', note => sprintf 'median %.0f', median(@cpu));
    first_row('first request after it', @firsts);
};

measure 'start' => sub {
    my $t = large()->{t};
    my (@starts, @firsts);

    for (1 .. $CHANGES) {
        $t->stop;
        push @starts, milliseconds(sub { $t->spawn; large()->wait });
        push @firsts, first_request();
    }

    row(name => 'start of nginx until it answers from that catalog',
        value => median(@starts), unit => 'ms');
    first_row('first request after that', @firsts);
};

1;
