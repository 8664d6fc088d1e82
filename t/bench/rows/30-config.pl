# 200 keys with three candidates each, beside an answer of the same bytes.

use strict;
use warnings;

use Bench::Pair;
use Bench::Side;
use Bench::World;

pair 'config of 200 keys x 3 / return 200 of its bytes' => (
    goal  => 0.5,
    sides => sub {
        my @sides = map { world()->config($_) } qw(mds cfg);
        prove_same(200, @sides);
        return @sides;
    },
);

1;
