# What counting adds to a check: the same check with mds_zone and without it.

use strict;
use warnings;

use Bench;
use Bench::Callgrind;
use Bench::Side;
use Bench::World;

for my $what (qw(install nothing)) {
    measure "check $what, counting" => sub {
        my %took = map {
            my $world = world(ids => 1000, resources => 100, zone => $_);
            $_ => instructions("check $what, mds_zone $_", $world->check($what => 'mds'));
        } qw(8m 0);

        row(
            name  => "check $what, counting",
            value => $took{'8m'} - $took{0},
            unit  => 'instructions',
            goal  => 300,
            note  => sprintf('of %s', thousands($took{'8m'})),
        );
    };
}

1;
