# The registry of devices, filled through the library: what a device takes, what
# is written for it, and how fast. BENCH_DEVICES: how many (2,000,000); the
# goals are those of 200,000,000.

use strict;
use warnings;

use Bench;
use File::Temp qw(tempdir);
use MDS;

my $DEVICES = knob(DEVICES => 2_000_000);

for my $user ('', 'user') {
    my $what = $user ? 'registry with users' : 'registry';

    measure $what => sub {
        my $dir = tempdir(CLEANUP => 1);
        my @lines = qx{$MDS::BUILD/bench/registry $dir $DEVICES @{[
            int($DEVICES / 4)]} $user};
        die "no figures" if $? != 0 || @lines != 2;

        for my $line (@lines) {
            my ($kind, $rate, $bytes, $written, $longest) = $line =~
                m{^(\w+) .*?, (\d+)/s, ([\d.]+) bytes each.*? (\d+) bytes written
                    .*?the\ longest\ ([\d.]+)}x or die "not a line: $line";
            row(name => "$what, $kind devices", unit => 'a second',
                value => $rate, note => 'wanted: 25,000');
            row(name => "$what, $kind: on the disk", unit => 'bytes',
                value => $bytes, goal => $user ? 60 : 40);
            row(name => "$what, $kind: written", unit => 'bytes',
                value => $written, goal => 400,
                note => "the longest merge $longest s");
        }
    };
}

1;
