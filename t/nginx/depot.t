# A depot that is missing, damaged or foreign: nginx starts, its locations
# answer 503, all else is untouched, the log has one line, and they work again
# by themselves.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use MDS;
use POSIX qw(WNOHANG);
use Test::More;

my $CONFIG = <<'EOF2';
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /check { mds_check; }
    location = /messages { mds_messages; }
    location = /status { mds_status; }
    location /files/ { mds_files; }
    location / { return 200 fine; }
}
EOF2

my $CHECK = '/check?app=a&kind=upgrade';

sub status_becomes {
    my ($t, $status, $title) = @_;

    my $last = 0;
    $t->wait_for(sub { ($last = $t->get($CHECK)->status) == $status });
    is($last, $status, $title);
    is($t->get('/')->body, 'fine', '... all else is untouched');
}

sub lines {
    my ($t, $pattern) = @_;
    return scalar grep { /$pattern/ } split /\n/, $t->error_log;
}

sub overwrite {
    my ($t, $content) = @_;

    open my $file, '+<', $t->depot_dir . '/CURRENT' or die "CURRENT: $!";
    print $file $content;
    truncate $file, length $content;
    close $file;
}

for my $master (qw(on off)) {
    my $t = MDS->new(main => "master_process $master;", looks => 1);
    my $depot = $t->depot_dir;

    $t->start($CONFIG);

    # Missing.
    my $r = $t->get($CHECK);
    is($r->status, 503, "master $master, no depot: check is 503");
    is($r->header('Content-Type'), 'application/problem+json', 'a problem');
    is($r->json->{status}, 503, '... with its status');
    is($r->header('Cache-Control'), 'no-store', '... not to be kept');
    like($r->header('Retry-After'), qr/^[1-9][0-9]*$/, '... says when');
    is($r->header('MDS-Serial'), undef, '... of no catalog');

    $r = $t->get('/files/' . 'a' x 64);
    is($r->status, 503, 'files are 503');
    ok($r->header('Retry-After'), '... say when');
    is($t->head($CHECK)->status, 503, 'HEAD too');
    is($t->get('/')->body, 'fine', 'all else is untouched');

    ok($t->wait_until_looked, '... and is looked at again');
    is(lines($t, qr/mds depot ".*" is not served/), 1, 'one line in the log');
    like($t->error_log, qr/\[error\].*"\Q$depot\E" is not served: .+/,
        '... says which and why');
    is(lines($t, qr/\[error\].*mds/), 1, '... and no other line');

    # Made.
    $t->depot;
    status_becomes($t, 204, 'works once it is there');
    is($t->get($CHECK)->header('MDS-Serial'), 0, '... with its serial');
    is(lines($t, qr/\[error\].*is served again/), 1,
        '... and is in the log, as loud as the failure was');

    # Moved away, and back.
    rename $depot, "$depot.away" or die "rename: $!";
    status_becomes($t, 503, 'moved away');
    rename "$depot.away", $depot or die "rename: $!";
    status_becomes($t, 204, 'moved back');

    # Replaced by another one under the same name.
    my $old = $t->read("$depot/CURRENT");
    rename $depot, "$depot.away" or die "rename: $!";
    $t->mdsctl('init');
    $t->mdsctl('apply', $t->document({
        app => 'a', lists => { staff => { ids => ['u'] } } }));
    $t->wait_for(sub {
        ($t->get($CHECK)->header('MDS-Serial') // '') eq '1' });
    is($t->get($CHECK)->header('MDS-Serial'), 1, 'replaced: the new one');
    remove($depot);
    rename "$depot.away", $depot or die "rename: $!";
    $t->wait_for(sub {
        ($t->get($CHECK)->header('MDS-Serial') // '') eq '0' });
    is($t->get($CHECK)->header('MDS-Serial'), 0, '... and back');

    # CURRENT damaged, in place and as a new file.
    overwrite($t, substr $old, 0, 3);
    status_becomes($t, 503, 'CURRENT cut short');
    overwrite($t, $old);
    status_becomes($t, 204, 'CURRENT whole again');

    overwrite($t, '');
    status_becomes($t, 503, 'CURRENT emptied');
    overwrite($t, $old);
    status_becomes($t, 204, 'CURRENT whole again');

    $t->write("$depot/CURRENT", 'x' x length $old);
    status_becomes($t, 503, 'CURRENT foreign');
    $t->write("$depot/CURRENT", $old);
    status_becomes($t, 204, 'CURRENT whole again');

    $t->stop;
    unlike($t->error_log, qr/\[(?:crit|alert|emerg)\]|exited on signal/,
        'no worker died');
}

# Without a master, a new configuration has thread pools that no thread serves:
# nginx starts threads only when a process begins. What a device left is kept
# where it is, and nothing is given to such a pool.
{
    my $t = MDS->new(main => 'master_process off;', looks => 1);
    $t->depot;
    $t->write('v1', 'package');
    $t->mdsctl('apply', $t->document({
        app => 'a', lists => { staff => { ids => ['u'] } },
        packages => [ { kind => 'upgrade', platform => 'web', version => '1', file => 'v1' } ] }));
    $t->mdsctl('message', 'push', 'a', '--users', $t->write('users', "u\n"),
        '--to', 'web=1', '--until', '2099-01-01T00:00:00Z');
    $t->start($CONFIG);
    is($t->get("$CHECK&device=d&version=1")->status, 204, 'without a master');

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->{port})
        or die "connect: $!";
    my $exchange = sub {
        my ($line, $body) = @_;
        print $socket "$line HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            . "Content-Length: " . length($body // '') . "\r\n\r\n" . ($body // '');
        my $head = do { local $/ = "\r\n\r\n"; readline($socket) // '' };
        my $answer = '';
        read $socket, $answer, $1 if $head =~ /^Content-Length: (\d+)/mi;
        return ($head =~ m{^HTTP/1.1 (\d+)} ? $1 : 'nothing', $answer);
    };
    my $ask = sub { ($exchange->("GET $CHECK&device=e&version=1"))[0] };
    my $commits = sub {
        return ($exchange->('GET /status'))[1] =~ /"commits":\{"count":(\d+)/ ? $1 : 'none';
    };
    my $mark = sub { ($exchange->('POST /messages', '{"app":"a","user":"u","read":[1]}'))[0] };
    is($ask->(), '204', '... on a connection that stays open');
    is($mark->(), '204', '... which writes the state');
    is($commits->(), '1', '... as is counted');

    my $seen = sub { $t->error_log =~ /reconfiguring/ };
    kill 'HUP', $t->{pid};
    ok($t->wait_for($seen), '... a new configuration is read');

    my $pid = $t->{pid};
    ok($t->wait_until_looked, '... the timers go on');
    is(waitpid($pid, WNOHANG), 0, '... in the same process');
    is($mark->(), '503', '... which has no thread to write the state');
    is($commits->(), '1', '... and a write that was not begun is not counted');

    # The same process goes on with the memory that it had when it began: its
    # timers and the checks write there. nginx itself accepts no connection any
    # more, but answers on one that is open.
    for my $sizes ('mds_zone 3m; mds_state_max 32m;', 'mds_zone 0; mds_state_max 64m;') {
        $t->write_config("$sizes\n$CONFIG");
        my $count = lines($t, qr/reconfiguring/);
        kill 'HUP', $pid;
        ok($t->wait_for(sub { lines($t, qr/reconfiguring/) > $count }),
            "another size of the shared memory: $sizes");
        ok($t->wait_until_looked, '... the timers go on');
        is($ask->(), '204', '... checks are answered');
        is(waitpid($pid, WNOHANG), 0, '... in the same process');
    }

    $t->stop;
    unlike($t->error_log, qr/exited on signal|\[alert\]/, '... that ends in order');
}

# A depot that the workers may not read.
SKIP: {
    skip 'not root', 4 if $> != 0;

    my $t = MDS->new;
    $t->depot;
    chmod 0700, $t->depot_dir;
    chown 0, 0, $t->depot_dir;
    $t->start($CONFIG);
    is($t->get($CHECK)->status, 503, 'not readable');
    like($t->error_log, qr/is not served: .*[Pp]ermission denied/,
        '... the log says so');
    chmod 0755, $t->depot_dir;
    status_becomes($t, 204, 'readable');
    $t->stop;
}

# Two depots: one's trouble is not the other's.
my $t = MDS->new;
$t->depot;
$t->start(<<'EOF2');
server {
    listen %LISTEN%;
    location = /check { mds_check; mds_depot %DEPOT%; }
    location = /other { mds_check; mds_depot %DIR%/none; }
}
EOF2
is($t->get($CHECK)->status, 204, 'the good one answers');
is($t->get('/other?app=a&kind=upgrade')->status, 503, 'the missing one not');

$t->finish;

sub remove {
    my ($dir) = @_;
    require File::Path;
    File::Path::remove_tree($dir);
}
