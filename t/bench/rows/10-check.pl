# Checks, beside an answer of the same bytes that nginx makes by itself.

use strict;
use warnings;

use Bench::Pair;
use Bench::Side;
use Bench::World;

my %checks = (install => 200, nothing => 204);

for my $what (sort keys %checks) {
    my $status = $checks{$what};

    pair "check $what / return $status" => (
        goal  => 0.85,
        sides => sub {
            my @sides = map { world()->check($what => $_) } 'mds', $status;
            prove_same($status, @sides);
            return @sides;
        },
    );
}

1;
