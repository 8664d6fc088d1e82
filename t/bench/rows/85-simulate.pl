# `mdsctl simulate`: CPU time of a check, of a log of 2 million lines in the format
# `combined` by 200,000 devices, of which a third would change.

use strict;
use warnings;

use Bench;
use File::Temp qw(tempdir);
use MDS;

my $LINES = 2_000_000;

sub simulate_mdsctl {
    my (@command) = @_;
    system("$MDS::BUILD/mdsctl @command > /dev/null 2>&1") == 0
        or die "mdsctl @command";
}

sub simulate_document {
    my ($path, $percent) = @_;
    my $release = '{"id":"%s","kind":"upgrade","version":"%s","audience":%s}';

    open my $file, '>', $path or die "$path: $!";
    printf $file '{"app":"a","packages":[%s],"releases":[%s]}',
        join(',', map { qq({"kind":"upgrade","version":"$_","file":"v$_"}) } '1.0', '1.1'),
        join(',', sprintf($release, 'all', '1.0', '{"all":true}'),
            sprintf($release, 'next', '1.1', qq({"percent":$percent})));
    close $file or die "$path: $!";
}

measure 'simulate' => sub {
    my $dir = tempdir(CLEANUP => 1);

    for my $version ('1.0', '1.1') {
        open my $file, '>', "$dir/v$version" or die;
        print $file $version x 1000;
    }
    simulate_document("$dir/now.json", 1);
    simulate_document("$dir/next.json", 34);

    open my $log, '>', "$dir/access.log" or die;
    for my $i (1 .. $LINES) {
        my $device = $i * 7919 % 200_000;
        print $log '192.0.2.1 - - [27/Nov/2026:12:00:00 +0000] "GET /mds/v1/check?app=a'
            . "&kind=upgrade&platform=android&version=1.0&device=d$device&brand=Xiaomi"
            . '&os_version=14 HTTP/1.1" 204 0 "-" "okhttp/4.9.3"' . "\n";
    }
    close $log;

    local @ENV{qw(MDS_DEPOT MDS_KEY)} = ("$dir/depot", "$dir/ops.key");
    simulate_mdsctl('keygen', "$dir/ops");
    simulate_mdsctl('init');
    simulate_mdsctl('apply', "$dir/now.json");

    my @before = times;
    simulate_mdsctl('simulate', "$dir/access.log", "$dir/next.json");
    my @after = times;
    my $cpu = $after[2] + $after[3] - $before[2] - $before[3];

    row(
        name  => 'simulate, CPU time of a check',
        value => 1_000_000 * $cpu / $LINES,
        unit  => 'us',
        goal  => 2,
        note  => thousands($LINES / $cpu) . ' a second and core',
    );
};

1;
