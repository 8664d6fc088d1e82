#!/usr/bin/perl

# What an edge's agent takes, and what it refuses although it is signed: a head
# that was replaced, another history, keys that a later root has dropped. With
# it: a bounded disk, the agent's figures in mds_status, and one transfer for
# many devices.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../nginx/lib";
use Digest::SHA qw(sha256_hex);
use JSON::PP;
use MDS;
use MIME::Base64;
use Test::More;

my $t   = MDS->new(workers => 2);
my $dir = $t->dir;
$t->depot;

my $user = getpwnam('www-data') ? 'www-data' : 'nobody';

sub edge {
    my ($name) = @_;
    my @user = $> == 0 ? ('--user', $user, '--agent', 'root') : ();
    my ($code, $out, $err) = $t->run({}, "$MDS::BUILD/mdsctl", '--depot', "$dir/$name",
        'init', @user);
    die $err if $code != 0;
    return "$dir/$name";
}

sub current { unpack 'Q<', substr $t->read("$_[0]/CURRENT"), 8 }
sub figures { decode_json($t->read("$_[0]/agent/status")) }

my ($edge, $small, $bare, $rooted) = map { edge($_) } qw(edge small bare rooted);
mkdir "$dir/$_" for qw(evil evil/feed);

my %package = map { $_ => "package $_" x 1000 } qw(one two);
$package{big} = join '', map { chr(($_ * 7 + ($_ >> 8)) & 255) } 0 .. 149_999;
$t->write($_, $package{$_}) for keys %package;

sub release {
    my ($id, $file, $name, $version) = @_;
    $t->mdsctl(qw(publish), "$dir/$file", qw(--app a --kind bundle --name), $name, '--version',
        $version);
    $t->mdsctl(qw(release a), $id, qw(--kind bundle --name), $name, '--version', $version,
        qw(--all --yes));
}

release('r1', 'one', 'b', 1);

# Before the start: a worker looks for a depot that is not there but once a second.
system('cp', '-a', $t->depot_dir, "$dir/other") == 0 or die 'cp';

$t->start(<<"END");
mds_depot %DEPOT%;
log_format asked '\$uri';
server {
    listen %LISTEN%;
    location /mds/v1/feed/  { mds_feed; }
    location /mds/v1/files/ { mds_files; limit_rate 100k; access_log $dir/asked asked; }
    location /evil/         { alias $dir/evil/; }
    location /other/feed/   { mds_depot $dir/other; mds_feed; }
    location /other/files/  { mds_depot $dir/other; mds_files; }
    location = /edge/check  { mds_depot $edge; mds_check; }
    location /bare/files/   { mds_depot $bare; mds_files; mds_origin http://%LISTEN%/mds/v1; }
    location = /status      { mds_status; }
}
END

my $url = $t->url('/mds/v1/');

# Runs the agent once: its exit code and its log.
sub once {
    my ($depot, $origin, @more) = @_;
    my @keys = (grep { $_ eq '--root' } @more) ? () : ('--pub', "$dir/test.pub");
    my ($code, $out, $err) = $t->run({}, "$MDS::BUILD/mdsctl", '--depot', $depot,
        qw(agent --once --origin), $origin, @keys, @more);
    return ($code, $err);
}

sub follows {
    my ($name, $depot, @words) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($code, $said) = once($depot, @words);
    is $code, 0, "$name: exit 0" or diag $said;
    is current($depot), current($t->depot_dir), '... with the serial of the origin';
    return $said;
}

# The agent has to refuse, in one line, and to count that under one name.
sub refused {
    my ($name, $fault, $pattern, $depot, @words) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = current($depot);
    my $head = $t->read("$depot/feed/head");
    my ($code, $said) = once($depot, @words);
    is $code, 1, "$name: exit 1";
    like $said, $pattern, '... and says so';
    is scalar(() = $said =~ /\n/g), 1, '... in one line' or diag $said;
    is current($depot), $before, '... what is in force stays';
    ok $t->read("$depot/feed/head") eq $head, '... with its head';
    my $figures = figures($depot);
    is_deeply [ grep { /^faults_/ && $figures->{$_} } sort keys %$figures ], [$fault],
        "... it counts as $fault";
    like $figures->{trouble}, $pattern, '... the trouble is in the figures';
}

sub answers { is $t->get('/edge/check?app=a&kind=bundle&name=b')->status, 200, $_[0] }

follows('a new edge', $edge, $url);
answers('the edge answers');

# --- a head that was replaced by a later one of its serial

# Signs the head with other members, by stock OpenSSL.
sub sign {
    my (%members) = @_;
    my $envelope = decode_json($t->read($t->depot_dir . '/feed/head'));
    my $payload = decode_json(decode_base64($envelope->{payload}));
    my $type = $envelope->{payloadType};
    my ($line) = $t->read('test.key') =~ /\n(.*)\n/;
    my $text = JSON::PP->new->canonical->encode({ %$payload, %members });

    $t->write('der', pack('H*', '302e020100300506032b657004220420')
        . substr decode_base64($line), 62, 32);
    $t->write('pae', join ' ', 'DSSEv1', length $type, $type, length $text, $text);
    system(qw(openssl pkeyutl -sign -rawin -keyform DER -inkey), "$dir/der", '-in', "$dir/pae",
        '-out', "$dir/sig") == 0 or die 'openssl';
    $envelope->{payload} = encode_base64($text, '');
    $envelope->{signatures}[0]{sig} = encode_base64($t->read('sig'), '');
    return $t->write('evil/feed/head', JSON::PP->new->canonical->encode($envelope));
}

my $evil = $t->url('/evil/');
sign();
follows('the same head, signed again', $edge, $evil);
sign(issued => '2020-01-01T00:00:00Z');
refused('a head that was replaced', 'faults_replay', qr/replaced by a later one: a replay/,
    $edge, $evil);
sign(issued => '2020-01-01T00:00:00Z', expires => '2020-01-02T00:00:00Z');
refused('... which has expired, too', 'faults_replay', qr/a replay/, $edge, $evil);
sign(version => 2);
refused('a head of a later version', 'faults_protocol', qr/version/, $edge, $evil);
answers('the edge answers still');

# --- another history

release('r2', 'two', 'c', 1);
$t->write('evil/feed/head', $t->read("$edge/feed/head"));
follows('a change', $edge, $url);
refused('an older head', 'faults_older', qr/older head, of serial 2/, $edge, $evil);

my $other = sub {
    my ($code, $out, $err) = $t->run({ MDS_KEY => "$dir/test.key" }, "$MDS::BUILD/mdsctl",
        '--depot', "$dir/other", @_);
    die $err if $code != 0;
};
$other->(qw(pause a r1));
$other->(qw(resume a r1));
is current("$dir/other"), current($edge), 'the other origin has this serial, too';
refused('another history', 'faults_fork', qr/another generation \d+ than the one in force/,
    $edge, $t->url('/other/'));
answers('the edge answers still');

# --- the figures

sub status { (grep { $_->{path} eq $edge } @{ $t->get('/status?format=json')->json->{depots} })[0] }

my $agent = status()->{agent};
is $agent->{faults_fork}, 1, 'mds_status has the fault';
like $agent->{trouble}, qr/another generation/, '... in words';
is $agent->{state}, 'ended', '... and the state';
is $agent->{serial}, current($edge), '... and the serial';
my $figures = figures($edge);
is_deeply { map { $_ => $figures->{$_} } grep { !/^(?:pid|version)$/ } keys %$figures }, $agent,
    '... and all else that the agent has written';

sub metric {
    my ($name) = @_;
    my ($value) = $t->get('/status', Accept => 'application/openmetrics-text;version=1.0.0')->body
        =~ /^\Q$name\E\{[^}]*depot="\Q$edge\E"[^}]*\} (\S+)$/m;
    return $value;
}
is metric('mds_agent_faults_fork_total'), 1, 'as a metric';
is metric('mds_agent_faults_away_total'), 0, '... others are 0';
is metric('mds_agent_serial'), current($edge), '... and gauges';
follows('the true origin again', $edge, $url);
is metric('mds_agent_faults_fork_total'), 0, '... no fault of this run';
is status()->{agent}{trouble}, '', '... and no trouble';

# --- a bounded disk

refused('two files, and room for one', 'faults_space', qr/--max-disk does not allow/, $small, $url,
    qw(--max-disk 15k));
$t->mdsctl(qw(pause a r2));
follows('one that runs', $small, $url, qw(--max-disk 15k));
$t->mdsctl(qw(pause a r1));
follows('none that runs', $small, $url, qw(--max-disk 15k));
$t->mdsctl(qw(resume a r2));
follows('another one', $small, $url, qw(--max-disk 15k));
ok -f "$small/files/" . sha256_hex($package{two}), '... which is there';
ok !-e "$small/files/" . sha256_hex($package{one}), '... in place of the first';
cmp_ok figures($small)->{files_bytes}, '<=', 15_360, '... within the bound';
cmp_ok figures($small)->{collected_files}, '>', 0, '... which the figures tell';
$t->mdsctl(qw(resume a r1));

# --- many devices wait for one transfer

release('r3', 'big', 'd', 1);
my $pid = fork // die "fork: $!";
if ($pid == 0) {
    open STDERR, '>>', "$bare.log";
    exec "$MDS::BUILD/mdsctl", '--depot', $bare, qw(agent --prefetch none --origin), $url,
        '--pub', "$dir/test.pub";
}
ok $t->wait_for(sub { current($bare) == current($t->depot_dir) && -S "$bare/agent/files" }),
    'an edge without files';
my $sha = sha256_hex($package{big});
my @devices = map {
    my $socket = $t->connect;
    $socket->syswrite("GET /bare/files/$sha HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    $socket;
} 1 .. 20;
my @got = map { $t->rest_of($_) } @devices;
is scalar(grep { $_->status == 200 && $_->body eq $package{big} } @got), 20,
    '20 devices get the file';
is scalar(() = $t->read('asked') =~ m{/\Q$sha\E$}mg), 1, '... by one request at the origin';
is figures($bare)->{demands}, 1, '... as the figures tell'
    if $t->wait_for(sub { figures($bare)->{demands} });
kill 'TERM', $pid;
waitpid $pid, 0;

# --- roots

$t->mdsctl('keygen', "$dir/$_") for qw(anna old new);
$t->mdsctl(qw(trust init), "$dir/root.json", '--root-key', "$dir/anna.pub", qw(--threshold 1),
    '--sign-key', "$dir/test.pub", '--head-key', "$dir/old.pub");
$t->mdsctl(qw(trust sign), "$dir/root.json", '--key', "$dir/anna.key");
$t->mdsctl(qw(trust publish), "$dir/root.json");
$t->mdsctl('head', '--head-key', "$dir/old.key");
$t->write('built-in.json', $t->read('root.json'));
my @root = ('--root', "$dir/built-in.json");
follows('by a root', $rooted, $url, @root);

my ($id) = $t->read('old.pub') =~ /([0-9A-F]{16})/;
$t->mdsctl(qw(trust edit), "$dir/root.json", '--head-key', "$dir/new.pub", '--drop', $id);
$t->mdsctl(qw(trust sign), "$dir/root.json", '--key', "$dir/anna.key");
$t->mdsctl(qw(pause a r3 --head-key), "$dir/old.key");
my $dropped = $t->read($t->depot_dir . '/feed/head');
$t->mdsctl(qw(trust publish), "$dir/root.json");
$t->mdsctl('head', '--head-key', "$dir/new.key");
like follows('a root with another key of heads', $rooted, $url, @root), qr/follows root version 2/,
    '... which is followed';
follows('the next run, by the root that it was given', $rooted, $url, @root);
$t->write('evil/feed/head', $dropped);
refused('a head of the key that was dropped', 'faults_signature', qr/not signed by a key/,
    $rooted, $evil, @root);

$t->finish;
