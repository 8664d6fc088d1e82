# What a worker holds once it has been asked for everything, and what the
# catalog takes on disk.

use strict;
use warnings;

use Bench;
use Bench::Load;
use Bench::World;

sub size { my $bytes = 0; $bytes += -s for @_; return $bytes }

measure 'memory' => sub {
    my $world = world(resources => 10 * knob(RESOURCES => 1000));
    my $side  = $world->check(install => 'mds');
    my ($worker) = $world->{t}->workers;

    load($side);
    my %kib = $world->{t}->read("/proc/$worker/smaps_rollup")
        =~ /^(\w+):\s+(\d+) kB/mg;

    row(name => "memory of a worker, $_->[0]", value => $kib{ $_->[1] } / 1024,
        unit => 'MiB', note => $_->[2])
        for [ 'its own', 'Private_Dirty', 'no other process has it' ],
        [ 'PSS', 'Pss', 'with its share of mapped files' ],
        [ 'RSS', 'Rss', 'with all of them' ];
};

measure 'disk' => sub {
    my $world = world(resources => 10 * knob(RESOURCES => 1000));
    my $depot = $world->{t}->depot_dir;

    # Changes lie above the base, in small files of their own.
    my ($base) = sort { -s $b <=> -s $a } glob "$depot/catalog/*.mdb";

    row(name => 'catalog, for each release', unit => 'bytes',
        value => size($base) / $world->{resources} / $world->{releases});
    row(name => 'list, for each id', unit => 'bytes',
        value => size(glob "$depot/lists/*.mdb") / $world->{ids});
};

1;
