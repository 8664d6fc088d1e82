# Checks that nginx accepts every configuration in the documentation, and
# promtool every rule.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use Test::More;

my $t = MDS->new;
my $examples;

for my $page (glob "$MDS::ROOT/docs/*.md $MDS::ROOT/README.md") {
    my $text = $t->read($page);
    my ($short) = $page =~ m{([^/]+)$};

    while ($text =~ /^```nginx\n(.*?)^```/msg) {
        my $example = $1;
        my $line    = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);

        # A whole file: what it has in http {} is what is tested.
        $example = $1 if $example =~ /^http \{\n(.*)^\}/ms;
        $example =~ s{/var/lib/mds}{$t->{dir}/mds}g;
        $example =~ s{/var/log/nginx}{$t->{dir}}g;

        my ($status, $said) = $t->test_config($example);
        is($status, 0, "$short:$line") or diag($said);
        $examples++;
    }
}

# --- the rules for Prometheus

SKIP: {
    skip 'promtool is not installed', 1 if !-x '/usr/bin/promtool';
    my ($code, $said) = $t->run({}, 'promtool', 'check', 'rules',
        "$MDS::ROOT/docs/alerts.yml");
    is($code, 0, 'promtool accepts the alerts') or diag($said);
}

cmp_ok($examples, '>=', 5, 'there are examples');

done_testing;
