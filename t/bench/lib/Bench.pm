package Bench;

# The table: rows that measures add, a line printed for each as soon as it is
# known, and build/bench.json at the end.
#
#   use Bench;
#   measure 'check install' => sub {
#       row(name => 'check install / return 200', value => 0.87,
#           unit => 'ratio', goal => 0.85, note => '80,000/s');
#   };
#
# A goal is the least that is wanted of a ratio, the most of anything else;
# undef: a figure without one.

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP;

our @EXPORT = qw(measure row median thousands knob);

my @measures;
my %rows;

# BENCH_NAME of the environment.
sub knob {
    my ($name, $default) = @_;
    return $ENV{"BENCH_$name"} || $default;
}

sub measure {
    my ($name, $code) = @_;
    push @measures, [ $name, $code ];
}

sub row {
    my (%row) = @_;
    my ($unit, $goal) = @row{qw(unit goal)};

    my $value  = 0 + sprintf '%.4g', $row{value};
    my $missed = defined $goal
        && ($unit eq 'ratio' ? $value < $goal : $value > $goal);

    $rows{ $row{name} }
        = { value => $value, unit => $unit, goal => $goal && 0 + $goal };
    printf "%-54s %10s %-12s %6s %-6s %s\n", $row{name},
        $value >= 10_000 ? thousands($row{value}) : $value, $unit,
        $goal // '', $missed ? 'MISSED' : '', $row{note} // '';
}

# Runs the measures whose names match. What cannot be measured is said, and
# the others are measured all the same; false, then.
sub run {
    my ($only, $json) = @_;
    my $failed = 0;

    $| = 1;
    printf "%-54s %10s %-12s %6s\n", qw(what value unit goal);

    for my $measure (grep { $_->[0] =~ /$only/ } @measures) {
        next if eval { $measure->[1]->(); 1 };
        print "$measure->[0]: $@";
        $failed++;
    }

    open my $out, '>', $json or die "$json: $!";
    print $out JSON::PP->new->canonical->pretty->encode(\%rows);
    close $out or die "$json: $!";

    return $failed == 0 && %rows;
}

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return ($sorted[ $#sorted / 2 ] + $sorted[ @sorted / 2 ]) / 2;
}

sub thousands {
    my ($number) = @_;
    my $text = sprintf '%.0f', $number;
    1 while $text =~ s/^(\d+)(\d{3})/$1,$2/;
    return $text;
}

1;
