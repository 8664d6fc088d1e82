# The bench, in small: what it measures, and that a catalog four times as large
# takes no time that grows with the square.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use JSON::PP;
use Test::More;

my $dir  = tempdir(CLEANUP => 1);
my $rows = '^check install / return 200$|^apply|^pause|^disk';

$ENV{BENCH_IDS}     = 1000;
$ENV{BENCH_SECONDS} = $ENV{BENCH_ROUNDS} = 1;

sub bench {
    my ($resources, $only) = @_;

    local $ENV{BENCH_RESOURCES} = $resources;
    my $out = qx($^X '$FindBin::Bin/../bench/run' '$only' $dir/bench.json 2>&1);
    is($?, 0, "with $resources resources") or diag($out);

    open my $file, '<', "$dir/bench.json" or return {};
    local $/;
    return decode_json(<$file>);
}

my $told = bench(5, $rows);
cmp_ok($told->{'check install / return 200'}{value}, '>', 0, 'a ratio');
is_deeply({ %{ $told->{'check install / return 200'} }, value => 0 },
    { value => 0, unit => 'ratio', goal => 0.85 }, '... as it is told');
is_deeply([ grep { !exists $_->{value} || !$_->{unit} || !exists $_->{goal} }
    values %$told ], [], '... and each other');
cmp_ok($told->{'pause in that catalog, CPU time, p99'}{value},
    '<', 2000, 'a pause is a small change');

my $more = bench(20, '^apply');
my ($small, $large) = map { $_->[0]{"apply of $_->[1] releases, CPU time"}{value} }
    [ $told, '500' ], [ $more, '2,000' ];
cmp_ok($large, '<', 8 * $small + 0.5, "apply: $small s of CPU, then $large s");

done_testing;
