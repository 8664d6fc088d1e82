# The registry of devices, filled through the library: what a device takes, what
# is written for it, and how fast. BENCH_DEVICES: how many (2,000,000).
# BENCH=full adds the 200,000,000 that the goals are set for, without users: it
# needs 10 GB in the temporary folder and hours on a busy machine.

use strict;
use warnings;

use Bench;
use File::Temp qw(tempdir);
use MDS;

my $DEVICES = knob(DEVICES => 2_000_000);

sub registry_rows {
    my ($what, $devices, $user) = @_;

    my $dir = tempdir(CLEANUP => 1);
    my @lines = qx{$MDS::BUILD/bench/registry $dir $devices @{[
        int($devices / 4)]} $user};
    die "no figures" if $? != 0 || @lines != 2;

    for my $line (@lines) {
        my ($kind, $rate, $bytes, $written, $longest, $cpu) = $line =~ m{
            ^(\w+)\ .*?,\ (\d+)/s,\ ([\d.]+)\ bytes\ each
            .*?\ (\d+)\ bytes\ written .*?the\ longest\ ([\d.]+)
            .*?CPU\ ([\d.]+)}x
            or die "not a line: $line";
        my $count = $kind eq 'new' ? $devices : int($devices / 4);
        row(name => "$what, $kind devices", unit => 'a second',
            value => $rate, note => 'wanted: 25,000');
        row(name => "$what, $kind: CPU time", unit => 'us',
            value => $cpu / $count * 1e6);
        row(name => "$what, $kind: on the disk", unit => 'bytes',
            value => $bytes, goal => $user ? 60 : 40);
        row(name => "$what, $kind: written", unit => 'bytes',
            value => $written, goal => 400,
            note => "the longest merge $longest s");
    }
}

measure 'registry' => sub { registry_rows('registry', $DEVICES, '') };
measure 'registry with users' =>
    sub { registry_rows('registry with users', $DEVICES, 'user') };

# Only by BENCH=full.
measure 'full registry' => sub {
    registry_rows('registry of 200 million', 200_000_000, '')
        if ($ARGV[0] // '') =~ /full/;
};

1;
