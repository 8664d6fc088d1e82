# Devices that wait to be told, one worker: what a connection takes, and when
# the last of them is told; beside nchan with as many subscribers.

use strict;
use warnings;

use Bench;
use Bench::Load;
use IPC::Open2;
use JSON::PP;
use MDS;
use Time::HiRes qw(sleep time stat);

my $NCHAN  = '/usr/lib/nginx/modules/ngx_nchan_module.so';
my $limit  = `bash -c 'ulimit -Hn'` + 0;
my $COUNT  = knob(WATCHERS => 20_000);
my $SPARE  = 600;    # for what else a worker and the devices open
$COUNT = $limit - $SPARE if $limit > 0 && $COUNT > $limit - $SPARE;
my $devices = thousands($COUNT) . ' devices';

sub edge {
    my ($config, $main) = @_;
    # When less than a sixteenth is free, nginx closes connections that are idle.
    my $t = MDS->new(workers => 1, connections => 2 * $COUNT,
        main => 'worker_rlimit_nofile ' . ($COUNT + $SPARE) . ';' . ($main // ''));
    $t->depot;
    $t->write("p$_", "package $_") for 1 .. 3;
    $t->start($config);
    return $t;
}

my %document = (
    app => 'shop',
    lists => { few => { by => 'device', ids => [ map { 'd' . 100 * $_ } 0 .. int(($COUNT - 1) / 100) ] } },
    packages => [ map { { kind => 'upgrade', platform => 'p', version => "$_.0", file => "p$_" } } 1 .. 3 ],
    releases => [ { id => 'r1', kind => 'upgrade', platform => 'p', version => '1.0', audience => { all => JSON::PP::true } } ],
);

# Changes the catalog, and returns when it was in force, in ms.
sub apply {
    my ($t, @release) = @_;
    push @{ $document{releases} }, { kind => 'upgrade', platform => 'p', @release } if @release;
    $t->mdsctl('apply', $t->document(\%document));
    return 1000 * (stat $t->depot_dir . '/CURRENT')[9];
}

sub private {
    my ($t) = @_;
    my ($worker) = $t->workers;
    my ($kib) = $t->read("/proc/$worker/smaps_rollup") =~ /^Private_Dirty:\s+(\d+)/m;
    return 1024 * $kib;
}

# What each connection adds to the worker's memory.
sub hold {
    my ($t, $target) = @_;
    my $before = private($t);
    my $pid = open2(my $out, my $in, "$MDS::BUILD/bench/watchers", $t->port, $COUNT, $target);
    (<$out> // '') eq "ready\n" or die 'the devices were not all connected';
    return { pid => $pid, out => $out, in => $in, bytes => (private($t) - $before) / $COUNT };
}

# Waits until so many are told: how many were, and when the last.
sub told {
    my ($held, $count, $seconds) = @_;
    print { $held->{in} } "$count $seconds\n";
    $held->{in}->flush;
    my ($told, $first, $last) = split ' ', readline $held->{out};
    return ($told, $last);
}

sub let_go {
    my ($held) = @_;
    close $held->{in};
    close $held->{out};
    waitpid $held->{pid}, 0;
}

# The time under which 99 of 100 checks stay while something is done, in ms.
sub p99_during {
    my ($t, $code) = @_;
    my $pid = open my $wrk, '-|', 'wrk', '-t1', '-c4', '-d4', '--latency',
        $t->url('/check?app=shop&kind=upgrade&platform=p&version=1.0&device=x') or die "wrk: $!";
    sleep 1;
    my @result = $code->();
    my ($time, $unit) = join('', <$wrk>) =~ /99%\s+([\d.]+)(us|ms|s)/ or die 'wrk';
    return ($time * { us => 0.001, ms => 1, s => 1000 }->{$unit}, @result);
}

measure 'watch' => sub {
    my $config = <<'END';
mds_depot %DEPOT%;
mds_watch_max 100000;
keepalive_timeout 1h;
request_pool_size 5760;
client_header_buffer_size 512;
server {
    listen %LISTEN% backlog=4096;
    location = /check { mds_check; }
    location = /watch { mds_watch; }
    location = /plain { return 200 x; }
}
END
    my $t = edge($config);
    apply($t);
    my $plain = hold($t, '/plain?app=shop&device=d#');
    let_go($plain);
    undef $t;

    $t = edge($config);
    apply($t);
    my $held = hold($t, '/watch?app=shop&kind=upgrade&platform=p&version=1.0&device=d#');
    my ($worker) = $t->workers;

    row(name => 'watch, memory of a device above a plain connection', unit => 'bytes',
        value => $held->{bytes} - $plain->{bytes}, goal => 6144, note => $devices);

    my $seconds = knob(WATCH_IDLE => 30);
    my $cpu = cpu_seconds($worker);
    sleep $seconds;
    row(name => 'watch, CPU while nothing changes', unit => '%', goal => 1,
        value => 100 * (cpu_seconds($worker) - $cpu) / $seconds, note => "in $seconds s, with comments");

    my ($p99, $told, $took) = p99_during($t, sub {
        my $at = apply($t, id => 'r2', version => '2.0', audience => { all => JSON::PP::true });
        my ($n, $last) = told($held, $COUNT, 20);
        return ($n, $last - $at);
    });
    $told == $COUNT or die "only $told of $COUNT were told";
    row(name => 'watch, until the last is told', unit => 'ms', value => $took, goal => 1000, note => $devices);
    row(name => 'watch, p99 of checks meanwhile', unit => 'ms', value => $p99, goal => 50);

    my $at = apply($t, id => 'r3', version => '3.0', audience => { lists => ['few'] });
    ($told, my $last) = told($held, $COUNT, 5);
    my $few = @{ $document{lists}{few}{ids} };
    $told == $few or die "$told were told, and not $few";
    row(name => 'watch, a change for 1 %: until the last is told', unit => 'ms', value => $last - $at,
        note => "$told are told, and no others");
    let_go($held);
};

measure 'watch, nchan' => sub {
    -e $NCHAN or die "there is no $NCHAN\n";
    my $t = edge(<<'END', "load_module $NCHAN;");
nchan_max_reserved_memory 256m;
server {
    listen %LISTEN% backlog=4096;
    location = /sub { nchan_subscriber eventsource; nchan_channel_id all; }
    location = /pub { nchan_publisher; nchan_channel_id all; }
}
END
    my $held = hold($t, '/sub?device=d#');
    row(name => 'nchan, memory of a subscriber', unit => 'bytes', value => $held->{bytes}, note => $devices);

    my $at = 1000 * time;
    my $published = $t->raw("POST /pub HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
    $published->status =~ /^20[12]$/ or die 'nchan publishes with ' . $published->status;
    my ($told, $last) = told($held, $COUNT, 20);
    row(name => 'nchan, until the last is told', unit => 'ms', value => $last - $at, note => "$told are told");
    let_go($held);
};

1;
