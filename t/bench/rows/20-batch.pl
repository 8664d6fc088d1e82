# A batch of 20 resources, beside 20 checks of one each.

use strict;
use warnings;

use Bench::Pair;
use Bench::Side;
use Bench::World;

pair 'batch of 20 / 20 single checks' => (
    goal   => 5,
    factor => 20,
    sides  => sub {
        my ($batch, $singles) = map { world()->batch($_) } qw(batch singles);

        # The same devices are told the same.
        for my $nth (0 .. 9) {
            my @told = map { $_->{manifest} }
                @{ answer($batch, $nth)->json->{results} };
            my @single
                = map { answer($singles, 20 * $nth + $_)->body } 0 .. 19;
            die "batch $nth: other manifests" if "@told" ne "@single";
        }

        return ($batch, $singles);
    },
);

1;
