# Reloads under load: with one retry no request fails; a broken configuration
# changes nothing; a depot that is not there stops no reload.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use Test::More;

my $CONFIG = <<'EOF2';
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /check { mds_check; }
}
EOF2

my $t = MDS->new(workers => 2);
$t->depot;
$t->mdsctl('apply', $t->document({
    app => 'a', lists => { staff => { ids => ['u'] } } }));
$t->start($CONFIG);

my $CHECK = '/check?app=a&kind=upgrade';

# A client asks all the time, until it is told to stop by a file.
my $pid = fork // die "fork: $!";
if ($pid == 0) {
    my ($asked, $failed) = (0, 0);
    while (!-e "$t->{dir}/stop") {
        $asked++;
        $failed++
            if $t->get($CHECK)->status != 204 && $t->get($CHECK)->status != 204;
    }
    $t->write('asked', "$asked $failed");
    POSIX::_exit(0);
}

for my $i (1 .. 5) {
    $t->reload;
    $t->mdsctl('apply', $t->document({
        app => 'a', lists => { staff => { ids => ["u$i"] } } }));
}
$t->write('stop', '');
waitpid $pid, 0;

my ($asked, $failed) = split ' ', $t->read('asked');
cmp_ok($asked, '>', 50, "asked $asked times over 5 reloads");
is($failed, 0, '... with one retry none failed');
is($t->get($CHECK)->header('MDS-Serial'), 6, '... and all changes are seen');

# A broken configuration: the old workers go on.
my %old = map { $_ => 1 } $t->workers;
$t->allow(qr/"mds_check" has no "mds_depot"/);
$t->write_config('server { listen %LISTEN%; location = /check { mds_check; } }');
kill 'HUP', $t->{pid};
ok($t->wait_for(sub { $t->error_log =~ /has no "mds_depot"/ }),
    'a broken configuration is refused');
is(scalar(grep { $old{$_} } $t->workers), 2, '... the workers stay');
is($t->get($CHECK)->status, 204, '... and answer');

# A depot that is not there.
rename $t->depot_dir, $t->depot_dir . '.away' or die "rename: $!";
$t->reload($CONFIG);
is($t->get($CHECK)->status, 503, 'reloaded without a depot');
rename $t->depot_dir . '.away', $t->depot_dir or die "rename: $!";
ok($t->wait_for(sub { $t->get($CHECK)->status == 204 }), '... it comes back');

# A worker that is killed is replaced, and opens the depot anew.
my ($victim) = $t->workers;
$t->allow(qr/exited on signal 9/);
kill 'KILL', $victim;
ok($t->wait_for(sub { my @w = $t->workers; @w == 2 && !grep { $_ == $victim } @w }),
    'a killed worker is replaced');
is($t->get($CHECK)->status, 204, '... and answers') for 1 .. 4;

$t->finish;
