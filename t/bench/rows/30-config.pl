# 200 keys with three candidates each, beside an answer of the same bytes.

use strict;
use warnings;

use Bench;
use Bench::Load;
use Bench::Side;
use Bench::World;

measure 'config' => sub {
    my @sides = map { world()->config($_) } qw(mds cfg);

    prove_same(200, @sides);
    pair(
        name   => 'config, 200 keys x 3 / return 200',
        ours   => $sides[0],
        theirs => $sides[1],
        goal   => 0.5,
    );
};

1;
