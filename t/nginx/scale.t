# The measurement of a large catalog (t/bench/scale.pl), in small: it runs, its
# answers are right, and nothing in it takes a time that grows with the square.

use strict;
use warnings;

use FindBin;
use Test::More;

my $script = "$FindBin::Bin/../bench/scale.pl";
my %seconds;

for my $n (500, 2000) {
    my $resources = $n / 10;
    my $out = qx($^X $script $n $resources 100000 0);
    is($?, 0, "$n releases over $resources resources") or diag($out);

    is(scalar(() = $out =~ /\(200\)$/mg), 5, '... each request is answered');
    ($seconds{$n}) = $out =~ /^apply\s+\S+ s\s+(\S+) s of CPU/m;
    my ($pause) = $out =~ /^pause\s+\S+ s\s+(\S+) s of CPU/m;
    cmp_ok($pause // 99, '<', 5, '... a pause is a small change');
}

# Four times as many; sixteen times the work would be a square.
cmp_ok($seconds{2000}, '<', 8 * $seconds{500} + 0.5,
    "apply: $seconds{500} s of CPU, then $seconds{2000} s");

done_testing;
