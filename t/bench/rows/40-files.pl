# Files, beside nginx's own handler with the same headers.

use strict;
use warnings;

use Bench;
use Bench::Load;
use Bench::Side;
use Bench::World;

for my $size (qw(10KB 10MB)) {
    measure "file $size" => sub {
        my @sides = map { world()->file($size => $_) } 'mds', $size;

        prove_same(200, @sides);
        pair(
            name   => "file of $size / static handler",
            ours   => $sides[0],
            theirs => $sides[1],
            goal   => 0.97,
        );
    };
}

1;
