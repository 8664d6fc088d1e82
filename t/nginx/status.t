# mds_status: what the workers count is shown as JSON and as metrics, and is not
# lost by a reload, a killed worker, or when there is no more room.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Schema;
use Test::More;

my $t = MDS->new(workers => 2, main => 'env MDS_CLOCK;',
    connections => 128);
$t->{env}{MDS_CLOCK} = $t->write('clock', '0');
$t->depot;

# Old and new share most of their bytes, so that there is a delta.
srand 7;
my $common = join '', map { chr int rand 256 } 1 .. 60_000;
$t->write('v1', $common);
$t->write('v2', $common . 'more');
$t->write("w$_", "window $_") for 1, 2;

my $true  = JSON::PP::true;
my $until = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 86400));
my %document = (
    app => 'a',
    lists => { staff => { ids => ['alice'] }, banned => { ids => ['mallory'] } },
    packages => [ map({ { kind => 'upgrade', platform => 'android',
        version => "$_.0", file => "v$_" } } 1, 2),
        map({ { kind => 'bundle', name => 'home', version => "$_", file => "w$_" } } 1, 2),
        map { { kind => 'data', name => 'maps', platform => $_,
            version => '1', file => 'w1' } } qw(android ios) ],
    releases => [
        { id => 'one', kind => 'upgrade', version => '1.0', platform => 'android',
          audience => { all => $true } },
        { id => 'two', kind => 'upgrade', version => '2.0', platform => 'android',
          audience => { lists => ['staff'], percent => 12.5, except => ['banned'] },
          rules => [ { attribute => 'os_version', op => 'range', min => '9' } ] },
        { id => 'win', kind => 'bundle', name => 'home', version => '2',
          audience => { window => { count => 2, until => $until } } },
        { id => 'both', kind => 'data', name => 'maps', version => '1', audience => { all => $true } },
        { id => 'dark', kind => 'config', name => 'dark', value => $true,
          audience => { all => $true } },
    ],
);
$t->mdsctl('apply', $t->document(\%document));

my $conf = <<'EOC';
mds_depot %DEPOT%;
mds_zone 2m;
server {
    listen %LISTEN%;
    location = /check    { mds_check; }
    location = /config   { mds_config; }
    location   /files/   { mds_files; }
    location = /status   { mds_status; }
}
EOC
$t->start($conf);

my $schema = Schema->new("$MDS::ROOT/docs/schema/status-edge.json");

sub status {
    my $r = $t->get('/status');
    my @errors = $schema->errors($r->json);
    is_deeply(\@errors, [], 'the answer is by the schema') if @errors;
    return $r->json;
}

sub release {
    my ($id) = @_;
    return (grep { $_->{id} eq $id } @{ status()->{depots}[0]{releases} })[0];
}

sub responses {
    my ($endpoint, $code) = @_;
    return eval { (grep { $_->{endpoint} eq $endpoint && $_->{status} == $code }
        @{ status()->{responses} })[0]{count} } // 0;
}

# The value of a metric, by a part of its line.
sub metric {
    my ($like) = @_;
    my $text = $t->get('/status?format=prometheus')->body;
    return $text =~ /^$like (\S+)$/m ? $1 : undef;
}

# --- before anything was asked

my $s = status();
is_deeply([ $schema->errors($s) ], [], 'an edge that was asked nothing: by the schema');
is($s->{depots}[0]{serial}, 1, 'its serial');
is($s->{depots}[0]{settings}, 1, 'settings are counted, not listed');
is_deeply([ map { $_->{id} } @{ $s->{depots}[0]{releases} } ], [qw(win both two one)],
    'its releases');
is(release('two')->{audience},
    '12.5 % of devices, and list staff, but not list banned; by os_version',
    'an audience in words');
like(release('win')->{audience}, qr/^the first 2 devices until 2/, '... of a window');
is_deeply(release('win')->{window}, { admitted => 0, count => 2, until => $until },
    'a window that is empty');

# --- decisions, by GET and by POST

my $ask = '/check?app=a&kind=upgrade&platform=android';
my $m = $t->get("$ask&user=alice&os_version=10&version=1.0")->json;
is($t->get("$ask&user=alice&os_version=10&version=2.0")->status, 204, 'current');
is($t->get($ask)->status, 200, 'another release') for 1 .. 3;
is($t->get('/check?app=x&kind=upgrade')->status, 204, 'an unknown app');
is($t->get('/check?app=x')->status, 400, 'no kind');
my $body = encode_json({ app => 'a', platform => 'android', resources => [
    { kind => 'upgrade' }, { kind => 'upgrade', version => 'x' },
    { kind => 'bundle', name => 'home' } ], device => 'd1' });
my $batch = $t->raw("POST /check HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    . "Content-Type: application/json\r\nContent-Length: " . length($body) . "\r\n\r\n$body");
is_deeply([ map { $_->{action} } @{ $batch->json->{results} } ],
    [qw(install error install)], 'a batch');

is_deeply([ @{ release('two') }{qw(installs current rollbacks)} ], [ 1, 1, 0 ],
    'decisions of a release');
is(release('one')->{installs}, 4, '... of another, by GET and by POST');
is(release('win')->{installs}, 1, '... of one that had to wait for its window');
is(release('win')->{window}{admitted}, 1, 'its window');
is(metric('mds_window_admissions\{depot="[^"]*",app="a",release="win"\}'), 1, '... as a metric');
is(metric('mds_window_limit\{depot="[^"]*",app="a",release="win"\}'), 2, '... and its limit');
is(responses('check', 200), 4, 'answers: 200');
is(responses('check', 204), 2, '... 204');
is(responses('check', 400), 1, '... 400');
is(responses('batch', 200), 1, '... of batches');
is(status()->{checks}{count}, 6, 'the time of checks that were decided');
cmp_ok(status()->{checks}{p99}, '>', 0, '... and its quantile');
is(status()->{commits}{count}, 1, 'commits');
my ($seconds) = $t->get('/status')->body =~ /"commits":\{"count":1,"seconds":([0-9.]+)/;
unlike($seconds, qr/000000$/, '... with their time, which is not one of whole milliseconds');
is(metric('mds_decisions_total\{depot="[^"]*",app="a",kind="upgrade",name="",'
    . 'release="two",action="install",reason="list"\}'), 1, 'a metric');
is(metric('mds_decisions_total\{[^}]*app="",kind="",name="",release="",action="none",'
    . 'reason="unknown"\}'), 1, 'what clients make up has no label');

# --- the versions that devices run

$t->get("$ask&device=$_->[0]&version=$_->[1]") for [ a => '1.0' ], [ b => '1.0' ], [ c => '0.9' ];
# Each worker counts by itself: the next answer may be of one that has not yet.
my $devices;
$t->wait_for(sub {
    $devices = status()->{depots}[0]{devices};
    return ($devices->{count} // 0) == 3;
});
is(join(' ', @{ $devices->{versions}[0] }{qw(app platform version devices)}), 'a android 1.0 2', 'the version that most devices run');
is($devices->{count}, 3, '... and all devices');
ok($devices->{exact}, '... which were counted one by one');

# --- files

my ($full, $delta) = map { "/$m->{$_}{path}" } qw(full delta);
is($t->get($full)->status, 200, 'a file');
is($t->get($delta)->status, 200, 'a delta');
is($t->get($full, 'Range', 'bytes=100-199')->status, 206, 'a range');
is($t->get($full, 'Range', 'bytes=60000-')->status, 206, 'a range to the end');
is($t->get($full, 'Range', 'bytes=99999999-')->status, 416, 'a range behind the end');
is($t->head($full)->status, 200, 'HEAD');
is($t->get("$full.minisig")->status, 200, 'a signature');
is_deeply([ @{ release('two') }{qw(full_downloads delta_downloads)} ], [ 2, 1 ],
    'downloads that have come to the end');
is(release('two')->{download_bytes},
    $m->{full}{size} + 100 + 4 + $m->{delta}{size}, '... and bytes');
is(metric('mds_file_downloads_total\{depot="[^"]*",sha256="' . $m->{delta}{sha256}
    . '",format="delta"\}'), 1, '... as a metric');

my $w = $t->get('/check?app=a&kind=data&name=maps&platform=ios')->json;
is($t->get("/$w->{full}{path}")->status, 200, 'a file that two builds have');
is(release('both')->{full_downloads}, 1, '... is counted once for their release');
is(release('both')->{download_bytes}, $w->{full}{size}, '... with its bytes');

# --- what is counted stays

my $before = release('one')->{installs};
$t->reload;
is(release('one')->{installs}, $before, 'a reload loses nothing');
is($t->get($ask)->status, 200, 'one more') for 1 .. 4;
is(release('one')->{installs}, $before + 4, '... and goes on');
my %old = map { $_ => 1 } $t->workers;
kill 'KILL', keys %old;
$t->allow(qr/exited on signal 9/);
$t->wait_for(sub { my @now = $t->workers; @now == 2 && !grep { $old{$_} } @now })
    or die 'no new workers';
is(release('one')->{installs}, $before + 4, 'killed workers lose nothing');
is($t->get($ask)->status, 200, 'one more') for 1 .. 4;
is(release('one')->{installs}, $before + 8, '... and their slots are used again');
cmp_ok(status()->{counting}{slots_used}, '<=', 4, 'slots are not used up');

# --- the history

# So many minutes later, and 5 s after the begin of a minute, so that what comes next is
# in that one.
my $clock = sub {
    my ($minutes) = @_;
    $t->write('clock', ($minutes + 1) * 60_000 + 5_000 - 1000 * time % 60_000);
    $t->wait_for(sub {
        my $h = status()->{history};
        return $h && $h->{installs} && $h->{last} ge strftime('%Y-%m-%dT%H:%M',
            gmtime(time + ($minutes - 1) * 60));
    }) or die 'no history';
    return status()->{history};
};
$clock->(1);
$t->get($ask) for 1 .. 3;
my $history = $clock->(3);
is(scalar @{ $history->{installs} }, 1440, 'a day of minutes');
is((grep { $_ } reverse @{ $history->{installs} })[0], 3, 'the minute has what came in it');
my $points = release('one')->{installs_by_time};
my $sum = 0;
$sum += $_ for @$points;
is($sum, release('one')->{installs}, 'and each release its curve');

# --- changes

my $serial = status()->{depots}[0]{serial};
$t->mdsctl('pause', 'a', 'two');
$t->wait_for(sub { (status()->{changes}[0]{serial} // 0) > $serial });
is(status()->{changes}[0]{serial}, $serial + 1, 'a change is noted when it is seen');
is(release('two')->{state}, 'paused', 'a release that is paused');

# --- formats

is($t->get('/status')->header('Content-Type'), 'application/json', 'JSON');
is($t->get('/status', 'Accept', 'text/plain')->header('Content-Type'),
    'text/plain; version=0.0.4; charset=utf-8', 'metrics');
my $open = $t->get('/status', 'Accept', 'application/openmetrics-text;version=1.0.0,'
    . 'application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1');
is($open->header('Content-Type'), 'application/openmetrics-text; version=1.0.0; charset=utf-8',
    'OpenMetrics');
like($open->body, qr/\n# EOF\n\z/, '... ends as it must');
like($t->get('/status?format=prometheus')->body, qr/\n# EOF\n\z/, '... so does the text format');
for my $case (
    [ 'application/json, text/html;q=0.5'          => 'application/json' ],
    [ 'text/plain;q=0.1, application/json'         => 'application/json' ],
    [ 'application/json;q=0.2, text/plain;q=0.3'   => 'text/plain' ],
    [ 'application/json, text/plain, text/html'    => 'text/html' ],
    [ 'text/html,application/xml;q=0.9,*/*;q=0.8'  => 'text/html' ],
    [ 'text/html;q=0, */*'                         => 'application/json' ],
) {
    like($t->get('/status', 'Accept', $case->[0])->header('Content-Type'), qr/^\Q$case->[1]\E/,
        "Accept: $case->[0]");
}
is($t->get('/status?format=prometheus', 'Accept', 'text/html, application/openmetrics-text')
    ->header('Content-Type'), $open->header('Content-Type'), 'metrics, in the format accepted');
for my $answer ((map { $t->get("/status?format=$_") } qw(html json prometheus)), $t->head('/status')) {
    is($answer->header('MDS-Serial'), $serial + 1, 'the serial of the depot');
}
is($t->get('/status?format=xml')->status, 400, 'no other format');
is($t->request('POST', '/status', 'Content-Length', 0)->status, 405, 'it is read only');

# --- promtool, and a real Prometheus

SKIP: {
    skip 'promtool is not installed', 1 if !-x '/usr/bin/promtool';
    my $metrics = $t->write('metrics', $t->get('/status?format=prometheus')->body);
    my ($code, $said, $err) = $t->run({}, 'sh', '-c', "promtool check metrics < $metrics");
    is("$code$said$err", '0', 'promtool has nothing to say');
}

SKIP: {
    skip 'prometheus is not installed', 2 if !-x '/usr/bin/prometheus';
    my $port = $t->free_port;
    $t->write('prometheus.yml', <<"END");
scrape_configs:
  - job_name: mds
    scrape_interval: 1s
    metrics_path: /status
    static_configs: [ { targets: [ '127.0.0.1:$t->{port}' ] } ]
END
    my $pid = fork // die;
    if ($pid == 0) {
        open STDERR, '>', "$t->{dir}/prometheus.log";
        open STDOUT, '>&', \*STDERR;
        exec '/usr/bin/prometheus', "--config.file=$t->{dir}/prometheus.yml",
            "--storage.tsdb.path=$t->{dir}/tsdb", "--web.listen-address=127.0.0.1:$port"
            or POSIX::_exit(127);
    }
    my $query = sub {
        my ($path) = @_;
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)
            or return;
        print $socket "GET $path HTTP/1.0\r\n\r\n";
        local $/;
        return MDS::Response->new(scalar <$socket>)->json;
    };
    my $target;
    $t->wait_for(sub {
        $target = eval { $query->('/api/v1/targets')->{data}{activeTargets}[0] };
        return $target && $target->{health} ne 'unknown';
    });
    is($target->{health} . $target->{lastError}, 'up', 'a Prometheus scrapes it');
    my $value = eval { $query->('/api/v1/query?query=sum(mds_decisions_total%7Brelease%3D%22two%22%7D)')
        ->{data}{result}[0]{value}[1] };
    is($value, 2, '... and knows the counter');

    # Each expression of the dashboard gives something. Of an alert, that would
    # be an alert; but its metrics exist.
    my $dashboard = decode_json($t->read("$MDS::ROOT/docs/grafana.json"));
    my @targets = map { @{ $_->{targets} } } @{ $dashboard->{panels} };
    cmp_ok(scalar @targets, '>', 15, 'a dashboard');
    local $t->{patience} = 30;
    for my $target (@targets) {
        my $concrete = $target->{expr} =~ s/\$__rate_interval/1m/gr =~ s/\$instance/.*/gr;
        my $escaped = $concrete =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger;
        my $said;
        $t->wait_for(sub {
            $said = eval { $query->("/api/v1/query?query=$escaped") };
            return $said && ($said->{status} ne 'success' || @{ $said->{data}{result} });
        });
        ok($said->{status} eq 'success' && @{ $said->{data}{result} }, $concrete);
        my $labels = eval { $said->{data}{result}[0]{metric} } // {};
        is_deeply([ grep { !exists $labels->{$_} } $target->{legendFormat} =~ /\{\{(\w+)\}\}/g ],
            [], '... with the labels of its legend');
    }
    my $alerts = $t->read("$MDS::ROOT/docs/alerts.yml");
    my $given = $t->get('/status?format=prometheus')->body;
    my %missing = map { $_ => 1 } grep { $given !~ /^$_(?:\{| )/m }
        map { /\b(mds_[a-z_]+)/g } $alerts =~ /expr: (.*?)\n +(?:for|labels):/gs;
    is_deeply([ sort keys %missing ], [], 'the metrics of the alerts are given');
    kill 'TERM', $pid;
    waitpid $pid, 0;
}

# --- no depot: it says so, and answers

rename $t->depot_dir, "$t->{dir}/away";
$t->wait_for(sub { !status()->{depots}[0]{open} });
ok(!status()->{depots}[0]{open}, 'a depot that is not served is shown');
is(metric('mds_depot_up\{depot="[^"]*"\}'), 0, '... as a metric');
rename "$t->{dir}/away", $t->depot_dir;
$t->wait_for(sub { status()->{depots}[0]{open} });

# --- no zone

$t->reload($conf =~ s/2m/0/r);
is($t->get($ask)->status, 200, 'without a zone, checks are answered');
$s = status();
is_deeply([ sort keys %$s ], [qw(depots now)], '... and nothing is counted');
is($t->get('/status?format=prometheus')->status, 200, '... but the depots are shown');

my ($code, $said) = $t->test_config($conf =~ s/2m/64k/r);
like($said, qr/"mds_zone" .*must be 0, or at least 1m/, 'a zone that is too small');

# --- as many slots as workers need, and no more

my $many = MDS->new(workers => 300, connections => 4);
$many->depot;
($code, $said) = $many->test_config($conf =~ s/2m/8m/r);
is($code, 0, '300 workers have room in 8m') or diag $said;
($code, $said) = $many->test_config($conf =~ s/2m/1m/r);
like($said, qr/"mds_zone" is too small for 300 workers/, '... and not in 1m');

# --- more depots than have numbers

($code, $said) = $t->test_config(join "\n", 'server { listen %LISTEN%;',
    map({ "location = /c$_ { mds_check; mds_depot %DIR%/d$_; }" } 1 .. 17), '}');
is($code, 0, '17 depots');
is(() = $said =~ /\[warn\].* is counted under "other"/g, 2, '... of which two have no number');

$t->finish;
