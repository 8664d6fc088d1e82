# Checks, beside an answer of the same bytes that nginx makes by itself.

use strict;
use warnings;

use Bench;
use Bench::Load;
use Bench::Side;
use Bench::World;

my %checks = (install => 200, nothing => 204);

for my $what (sort keys %checks) {
    my $status = $checks{$what};

    measure "check $what" => sub {
        my @sides = map { world()->check($what => $_) } 'mds', $status;

        prove_same($status, @sides);
        pair(
            name   => "check $what / return $status",
            ours   => $sides[0],
            theirs => $sides[1],
            goal   => 0.85,
        );
    };
}

1;
