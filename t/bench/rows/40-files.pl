# Files, beside nginx's own handler with the same headers.

use strict;
use warnings;

use Bench::Pair;
use Bench::Side;
use Bench::World;

for my $size (qw(10KB 10MB)) {
    pair "file of $size / static file of $size" => (
        goal  => 0.97,
        sides => sub {
            my @sides = map { world()->file($size => $_) } 'mds', $size;
            prove_same(200, @sides);
            return @sides;
        },
    );
}

1;
