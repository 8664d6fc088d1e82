# Ten times the releases, and ten times the ids, beside checks as they are.
#
# Ten times the releases are ten times the resources: a catalog grows by apps
# and bundles, and what is not asked for should cost nothing. That a resource
# has ten times its own, all of which compete, is the other reading; each that
# comes before the one that hits has to be looked at, so that this is a figure
# without a goal.

use strict;
use warnings;

use Bench;
use Bench::Pair;
use Bench::Side;
use Bench::World;

my $base = knob(RESOURCES => 1000);
my %larger = (
    '10 times the resources' => [ 0.9, resources => 10 * $base ],
    '10 times the ids'       => [ 0.9, ids => 10 * knob(IDS => 10_000_000) ],
    '10 times the releases of each' => [ undef, releases => 100,
        resources => $base / 10 ],
);

for my $what (sort keys %larger) {
    my ($goal, @options) = @{ $larger{$what} };

    pair "check install, $what / check install" => (
        goal  => $goal,
        sides => sub {
            my @sides = map { $_->check(install => 'mds') }
                world(@options), world();
            prove_like(200, @sides);
            return @sides;
        },
    );
}

1;
