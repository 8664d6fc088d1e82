# Publishing a package with three deltas: libraries of this machine as one file,
# of which each version has other ones at some places.

use strict;
use warnings;

use Bench;
use File::Temp qw(tempdir);
use MDS;
use Time::HiRes qw(time);

my @KIND = qw(--app a --kind upgrade --version);

# So many megabytes of libraries, in 64 pieces. Version n leaves out a piece,
# and has another piece twice.
sub versions {
    my ($dir, $megabytes) = @_;
    my $bytes = '';

    for my $path (sort glob '/usr/lib/*-linux-gnu/lib*.so.*') {
        next if -l $path || length $bytes >= $megabytes * 1_000_000;
        open my $file, '<:raw', $path or next;
        $bytes .= do { local $/; <$file> };
    }
    $bytes = substr $bytes, 0, $megabytes * 1_000_000;

    my $size   = int(length($bytes) / 64);
    my @pieces = map { substr $bytes, $_ * $size, $size } 0 .. 63;

    return map {
        my @other = @pieces;
        splice @other, 5 * $_, 1;
        splice @other, 9 * $_, 0, scalar reverse $pieces[ 3 * $_ ];
        my $path = "$dir/v$_";
        open my $out, '>:raw', $path or die "$path: $!";
        print $out @other;
        close $out or die "$path: $!";
        $path;
    } 1 .. 4;
}

sub mdsctl {
    my (@command) = @_;
    system("$MDS::BUILD/mdsctl @command > /dev/null 2>&1") == 0
        or die "mdsctl @command";
}

sub publish_rows {
    my ($megabytes, %goals) = @_;
    my $dir = tempdir(CLEANUP => 1);
    my @file = versions($dir, $megabytes);

    local @ENV{qw(MDS_DEPOT MDS_KEY)} = ("$dir/depot", "$dir/ops.key");
    mdsctl('keygen', "$dir/ops");
    mdsctl('init');
    mdsctl('publish', $file[ $_ - 1 ], @KIND, $_, '--deltas 0') for 1 .. 3;
    system 'cp', '-a', "$dir/depot", "$dir/fast";

    for my $level (qw(best fast)) {
        local $ENV{MDS_DEPOT} = $level eq 'fast' ? "$dir/fast" : "$dir/depot";
        my ($begun, @cpu) = (time, times);
        mdsctl('publish', $file[3], @KIND, 4, "--deltas-level $level");
        my $wall = time - $begun;
        my @then = times;
        my $name = "publish of $megabytes MB with three deltas, $level";
        row(name => $name, value => $wall, unit => 's', goal => $goals{$level});
        row(name => "$name, CPU time", unit => 's',
            value => $then[2] + $then[3] - $cpu[2] - $cpu[3]);
    }
}

measure 'publish' => sub { publish_rows(5, best => 6, fast => 0.6) };

# Only by BENCH=full.
measure 'full publish' => sub {
    publish_rows(50, best => 60, fast => 6) if ($ARGV[0] // '') =~ /full/;
};

1;
