package Bench::Pair;

# Two sides, in turns. A pair is two measures, of rates and of instructions:
#
#   pair 'check install / return 200' => (
#       goal  => 0.85,
#       sides => sub { return ($ours, $theirs) },   # proven to be comparable
#       factor => 20,    # so many answers of theirs are in one of ours (1)
#   );
#
# All ratios are of what ours does in the time, or for the instructions, in
# which theirs does 1.

use strict;
use warnings;

use Bench;
use Bench::Callgrind;
use Bench::Load;
use Exporter qw(import);
use List::Util qw(min);

our @EXPORT = qw(pair);

my $ROUNDS = knob(ROUNDS => 5);

sub pair {
    my ($name, %pair) = @_;

    $pair{name} = $name;
    $pair{factor} //= 1;

    measure $name => sub { rates(%pair) };
    measure "$name, instructions" => sub { counts(%pair) };
}

# A B, B A, ...: the median of the ratios. A second of each before that: some
# things are done when they are first asked for.
sub rates {
    my (%pair) = @_;
    my @sides = $pair{sides}->();
    my (@ratios, @by_cpu, @told);

    load($_, seconds => 1) for @sides;
    for my $round (1 .. $ROUNDS) {
        my @now;
        $now[$_] = load($sides[$_]) for $round % 2 ? (0, 1) : (1, 0);

        push @ratios, $pair{factor} * $now[0]{rate} / $now[1]{rate};
        push @by_cpu, $pair{factor} * $now[1]{cpu_us} / $now[0]{cpu_us};
        push @{ $told[$_] }, $now[$_] for 0, 1;
    }

    my @rate = map { median_of(rate   => $_) } @told;
    my @cpu  = map { median_of(cpu_us => $_) } @told;
    my @busy = map { median_of(busy   => $_) } @told;
    row(
        name  => $pair{name},
        value => median(@ratios),
        unit  => 'ratio',
        goal  => $pair{goal},
        note  => sprintf('%s : %s /s; %.2f : %.2f us of CPU, %.3f%s',
            (map { thousands($_) } @rate), @cpu, median(@by_cpu),
            min(@busy) < 0.85
            ? sprintf('; worker busy %.0f : %.0f %%', map { 100 * $_ } @busy)
            : ''),
    );
}

sub median_of {
    my ($key, $told) = @_;
    return median(map { $_->{$key} } @$told);
}

sub counts {
    my (%pair) = @_;
    my @names  = split m{ / }, $pair{name};
    my @sides  = $pair{sides}->();
    my @counts = map { instructions($names[$_], $sides[$_]) } 0, 1;

    row(name => "$names[$_], instructions", value => $counts[$_],
        unit => 'instructions')
        for 0, 1;
    row(
        name  => "$pair{name}, instructions",
        value => $pair{factor} * $counts[1] / $counts[0],
        unit  => 'ratio',
    );
}

1;
