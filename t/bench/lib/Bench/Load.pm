package Bench::Load;

# Loads on a side (Bench::Side): wrk with one thread and 16 connections that
# are kept alive, and the worker's time on the CPU meanwhile.

use strict;
use warnings;

use Bench;
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use JSON::PP;

our @EXPORT = qw(load cpu_seconds);

my $SECONDS = knob(SECONDS => 2);
my $SCRIPT  = dirname(__FILE__) . '/../../load.lua';
my $dir     = tempdir('mds-bench-XXXXXXXX', DIR => '/tmp', CLEANUP => 1);
my $files   = 0;
my $asked   = 0;    # so that a number is never asked for twice

# Seconds that the process has been running on a CPU.
sub cpu_seconds {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/schedstat" or die "worker $pid: $!";
    return (split ' ', <$file>)[0] / 1e9;
}

sub requests_file {
    my ($side) = @_;

    return $side->{file} //= do {
        my $path = "$dir/" . $files++;
        open my $out, '>:raw', $path or die "$path: $!";
        print $out map { "$_\0" } @{ $side->{requests} };
        close $out or die "$path: $!";
        $path;
    };
}

# What load.lua prints, with rate (answers a second), cpu_us (of the worker,
# an answer) and busy (the worker's share of a CPU).
sub load {
    my ($side, %options) = @_;

    my $connections = $options{connections} // 16;
    my $seconds     = $options{seconds} // $SECONDS;
    my $file     = requests_file($side);
    my $url      = $side->{t}->url;
    my ($worker) = $side->{t}->workers;

    my $wrk = "wrk -t1 -c$connections -d$seconds -s $SCRIPT";
    my $cpu = cpu_seconds($worker);
    my $out = `$wrk $url -- $file $asked 2>&1`;
    $cpu = cpu_seconds($worker) - $cpu;

    my ($line) = $out =~ /^(\{.*\})$/m or die "wrk: $out";
    my $told = decode_json($line);
    $asked += $told->{requests} + $connections;
    die "wrk: $out"
        if $told->{errors} > 0 || $told->{wrong} > 0 || $told->{requests} == 0;

    return {
        %$told,
        rate   => $told->{requests} / $told->{seconds},
        cpu_us => $cpu / $told->{requests} * 1e6,
        busy   => $cpu / $told->{seconds},
    };
}

1;
