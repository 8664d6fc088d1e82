# Runs an edge whose disk is full, fails or is read-only, and whose directories are
# removed, replaced or unreadable. Requests that do not need them are answered, others
# get 503, the log has a line, no worker dies, and the edge recovers without help.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA;
use File::Path qw(remove_tree);
use JSON::PP;
use List::Util ();
use MDS;
use POSIX qw(strftime);
use Test::More;

my $until = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 86_400));
my $JSON  = JSON::PP->new->utf8->canonical;

# Before the folder that it is in is removed.
my @mounted;
END { local $?; system 'umount', '-l', $_ for @mounted }

# A depot in "$t->{dir}/disk", with nginx on it.
sub edge {
    my (%options) = @_;
    my $t = MDS->new(%options);
    my $disk = "$t->{dir}/disk";
    mkdir $disk;
    if ($options{mount}) {
        system("mount -t tmpfs -o size=3m,mode=755 tmpfs $disk 2>/dev/null")
            == 0 or return;
        push @mounted, $disk;
    }
    mkdir "$disk/depot";
    symlink "$disk/depot", "$t->{dir}/depot";
    $t->depot;
    $t->write("v$_", "version $_") for 1, 2;
    $t->write('ids', join '', map { "member-$_\n" } 1 .. 1000);
    $t->write('users', join '', map { "u$_\n" } 1 .. 1000);
    my $all = { all => JSON::PP::true };
    $t->mdsctl('apply', $t->document({
        app => 'a',
        lists => { l => { file => 'ids' } },
        packages => [ map { my $n = $_; map { { kind => 'bundle', name => $n,
            version => "$_", file => "v$_" } } 1, 2 } qw(plain window list) ],
        releases => [
            map { { id => $_->[0], kind => 'bundle', name => $_->[0],
                version => '2', audience => $_->[1] } }
                [ plain => $all ], [ list => { lists => ['l'] } ],
                [ window => { window => { count => 100_000,
                    until => $until } } ],
        ],
    }));
    $t->mdsctl('publish', "$t->{dir}/v1", qw(--app a --kind upgrade --platform
        p --version 1));
    $t->mdsctl(qw(message push a --users), "$t->{dir}/users", '--to', 'p=1',
        '--until', $until);
    $t->start(<<'EOF2');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /check    { mds_check; }
    location = /messages { mds_messages; }
    location   /files/   { mds_files; }
    location = /         { return 200 fine; }
}
EOF2
    return $t;
}

my $sha = Digest::SHA::sha256_hex('version 2');
my $next = 0;

sub plain { $_[0]->get('/check?app=a&kind=bundle&name=plain&version=1')->status }
sub member { $_[0]->get('/check?app=a&kind=bundle&name=list&version=1'
    . '&user=member-7')->status }
sub window { $_[0]->get("/check?app=a&kind=bundle&name=window&version=1"
    . "&device=$_[1]")->status }
sub file { $_[0]->get("/files/$sha")->status }

sub post {
    my ($t, $to, $body) = @_;
    return $t->raw("POST $to HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body");
}

sub mark { post($_[0], '/messages',
    $JSON->encode({ app => 'a', user => $_[1], read => [1] }))->status }

# What each of them says, a new device and a new user asking.
sub states {
    my ($t) = @_;
    $next++;
    return join ' ', plain($t), member($t), window($t, "new-$next"),
        mark($t, 'u' . (1 + $next % 1000)), file($t);
}

my $WELL = '200 200 200 204 200';

sub becomes {
    my ($t, $wanted, $title) = @_;
    my $now;
    $t->wait_for(sub { ($now = states($t)) =~ /^$wanted$/ });
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    like $now, qr/^$wanted$/, $title;
    is $t->get('/')->body, 'fine', '... all else is untouched';
}

sub lines {
    my ($t, $pattern) = @_;
    return scalar grep { /\[error\]/ && /$pattern/ } split /\n/, $t->error_log;
}

# --- writes that fail: who is told yes then is in, and nobody else

sub fails_to_write {
    my ($t, $name, $words, $begin, $end, $room) = @_;
    my %told;
    (my $id = $name) =~ s/ /-/g;
    my $ask = sub {
        my ($device) = @_;
        my $status = window($t, $device);
        $told{$device}++ if $status eq '200';
        return $status;
    };

    becomes($t, $WELL, "$name: well before");
    is $ask->("$id-$_"), '200', 'in' for 1 .. 3;
    my @workers = sort $t->workers;

    $begin->();
    # what LMDB has to spare is used up first
    my $n = 10;
    $n++ until $ask->("$id-$n") eq '503' || $n > 3000;
    cmp_ok $n, '<', 3000, "$name: 503 for a new device ($n)";
    my @said = map { $ask->("$id-" . $n++) } 1 .. 20;
    is_deeply \@said, [ ('503') x 20 ], '... and the next ones';
    is plain($t), '200', '... decisions go on';
    is member($t), '200', '... of lists, too';
    is file($t), '200', '... files as well';
    # a little may fit into pages that are free
    my $marked = mark($t, 'u500');
    like $marked, $room ? qr/^(?:503|204)$/ : qr/^503$/, '... no mark';
    my $batch = post($t, '/check', $JSON->encode({ app => 'a', device => 'b',
        resources => [ map { { kind => 'bundle', name => $_, version => '1' } }
            qw(plain window) ] }));
    is $batch->status, '200', '... a batch is answered';
    like join(' ', map { $_->{action} } @{ $batch->json->{results} }),
        $room ? qr/^install (?:error|install)$/ : qr/^install error$/,
        '... as far as can be';
    is lines($t, $words), 1, '... one line in the log'
        or diag grep { /\[error\]/ } split /^/, $t->error_log;

    $end->();
    becomes($t, $WELL, "$name: well again by itself");
    is $ask->("$id-$_"), '200', '... for all' for 2, 20, $n - 2, $n + 5;
    is_deeply [ sort $t->workers ], \@workers, '... by the same workers';

    my ($status, $out, $err) = $t->mdsctl_any('verify');
    is "$status$err", '0', '... verify is clean' or diag $out;
    $t->stop;
    $t->start($t->{http});
    my @lost = grep { window($t, $_) ne '200' } keys %told;
    is "@lost", '', '... who was told yes is in: ' . keys %told;
    like $t->get('/messages?app=a&user=u500')->body, qr/"read":true/,
        '... and what was marked is read' if $marked eq '204';
}

SKIP: {
    my $t = $> == 0 && edge(mount => 1) or skip 'cannot mount', 1;
    my $disk = "$t->{dir}/disk";

    fails_to_write($t, 'full disk', qr/the state cannot be written: .*No space left/,
        sub { system "cat /dev/zero > $disk/filler 2>/dev/null" },
        sub { unlink "$disk/filler" }, 1);

    # A full disk when it starts, and when a worker starts.
    system "cat /dev/zero > $disk/filler 2>/dev/null";
    $t->stop;
    $t->start($t->{http});
    like states($t), qr/^200 200 \d+ \d+ 200$/, 'started on a full disk';
    kill 'KILL', $t->workers;
    becomes($t, '200 200 \d+ \d+ 200', 'a new worker on a full disk');
    unlink "$disk/filler";
    becomes($t, $WELL, '... which has room again');

    # One that is read-only.
    $t->stop;
    system("mount -o remount,ro $disk") == 0 or die 'remount';
    $t->start($t->{http});
    becomes($t, '200 200 503 503 200', 'a read-only disk');
    is lines($t, qr/windows are closed: .*Read-only/), 1, "... one line"
        or diag $t->error_log;
    my $dir = "$disk/depot";
    for (['publish', "$t->{dir}/v2", qw(--app b --new-app --kind
            upgrade --version 2)],
        [qw(list add a more one)], ['gc'], [qw(init)],
        ['snapshot', "$t->{dir}/snapshot"], ['apply', "$t->{dir}/document.json",
            '--force'])
    {
        my ($status, $out, $err) = $t->mdsctl_any(@$_);
        is $status, 1, "... @$_[0] exits with 1";
        like $err, qr/^mdsctl: [^\n]*(?:Read-only|already)[^\n]*\n\z/,
            '... and says why';
    }
    system("mount -o remount,rw $disk") == 0 or die 'remount';
    becomes($t, $WELL, '... may be written to again');

    $t->allow(qr/exited on signal 9/);
    $t->stop;
    unlike $t->error_log, qr/exited on signal (?!9)/, 'no worker died';
}

SKIP: {
    my $dir = File::Temp::tempdir(CLEANUP => 1);
    chmod 0755, $dir;
    skip 'no compiler', 1 if system(split(/ /, $ENV{CC} // 'cc'), '-shared',
        '-fPIC', '-o', "$dir/killer.so",
        "$FindBin::Bin/../cli/lib/killer.c", '-ldl');

    # Each write, or the one page of a commit that makes it count: after that,
    # LMDB gives the environment up.
    for my $synced (0, 1) {
        my $t = edge(preload => "$dir/killer.so",
            main => 'env KILLER_ERRNO; env KILLER_WHILE; env KILLER_SYNCED;',
            env => { KILLER_ERRNO => 5, KILLER_WHILE => "$dir/fails",
                KILLER_SYNCED => $synced });
        fails_to_write($t, $synced ? 'EIO at the end' : 'EIO',
            qr/the state cannot be written: .*Input\/output error/,
            sub { $t->write("$dir/fails", '') }, sub { unlink "$dir/fails" });
        $t->stop;
        unlike $t->error_log, qr/exited on signal/, 'no worker died';
    }
}

# --- what is taken away, or not for workers to read; and comes back

my $t = edge(looks => 1);
my $depot = "$t->{dir}/disk/depot";
$t->allow(qr/exited on signal 9/);

sub away {
    my ($path) = @_;
    return (sub { rename "$depot/$path", "$depot.away" or die "$path: $!" },
        sub { rename "$depot.away", "$depot/$path" or die "$path: $!" });
}

sub closed {
    my ($path, $mode) = @_;
    my $before = (stat "$depot/$path")[2] & 07777;
    my @owner  = (stat _)[4, 5];
    return (
        sub { chown 0, 0, "$depot/$path"; chmod $mode, "$depot/$path" },
        sub { chown @owner, "$depot/$path"; chmod $before, "$depot/$path" });
}

sub empty {
    my ($path) = @_;
    my ($away, $back) = away($path);
    return (sub { $away->(); mkdir "$depot/$path" },
        sub { remove_tree("$depot/$path"); $back->() });
}

my $serial = $t->get('/check?app=a&kind=x')->header('MDS-Serial');

# Worker that was there; one that comes meanwhile; the log of both.
my @faults = (
    ['files are away', [away('files')],
        '200 200 200 204 503', '200 200 200 204 503', undef],
    ['lists are away', [away('lists')],
        '200 200 200 204 200', '503 503 503 503 503', qr/not served: .*lists/],
    ['the catalog is away', [away('catalog')],
        '200 200 200 204 200', '503 503 503 503 503',
        qr/not served: .*catalog/],
    ['an empty catalog', [empty('catalog')],
        '200 200 200 204 200', '503 503 503 503 503',
        qr/not served: .*catalog/],
    ['the state is away', [away('state')],
        '200 200 503 503 200', '200 200 503 503 200',
        qr/windows are closed: .*state/],
    ['an empty state', [empty('state')],
        '200 200 503 503 200', '200 200 503 503 200',
        qr/windows are closed: .*state/],
    ['CURRENT is away', [away('CURRENT')],
        '503 503 503 503 503', '503 503 503 503 503',
        qr/not served: .*CURRENT/],
    ['the journal is away', [away('journal')], $WELL, $WELL, undef],
    $> != 0 ? () : (
        ['a state of somebody else', [closed('state', 0700)],
            '200 200 [25]0[03] [25]0[34] 200', '200 200 503 503 200',
            qr/windows are closed: .*Permission denied/],
        ['a state to be read only', [closed('state/data.mdb', 0644)],
            '200 200 [25]0[03] [25]0[34] 200', '200 200 503 503 200',
            qr/windows are closed: .*Permission denied/],
        ['a lock of somebody else', [closed('state/lock.mdb', 0600)],
            '200 200 [25]0[03] [25]0[34] 200', '200 200 503 503 200',
            qr/windows are closed: .*Permission denied/],
        ['a generation of somebody else',
            [closed("catalog/$serial.mdb", 0400)],
            '200 200 200 204 200', '503 503 503 503 503',
            qr/not served: .*Permission denied/],
        ['files of somebody else', [closed('files', 0700)],
            '200 200 200 204 50[03]', '200 200 200 204 50[03]', undef],
        ['lists of somebody else', [closed('lists', 0700)],
            '200 200 200 204 200', '503 503 503 503 503',
            qr/not served: .*lists/],
        ['a depot of somebody else', [closed('.', 0700)],
            '503 503 503 503 503', '503 503 503 503 503',
            qr/not served: .*Permission denied/],
    ),
);

# Some of them, where there is no time.
my $SOAK = $ENV{MDS_SOAK} // 0;
@faults = (List::Util::shuffle(@faults))[0 .. 4] if !$SOAK;

for my $fault (@faults) {
    my ($name, $how, $old, $new, $words) = @$fault;
    my ($begin, $end) = @$how;

    becomes($t, $WELL, "$name: well before");
    $begin->();
    becomes($t, $old, "$name: for the worker that was there");
    $t->wait_until_looked or die 'a worker is stuck';
    like states($t), qr/^$old$/, '... for good';

    truncate "$t->{dir}/error.log", 0;
    kill 'KILL', $t->workers;
    becomes($t, $new, "$name: for a new worker");
    $t->wait_until_looked or die 'a worker is stuck';
    like states($t), qr/^$new$/, '... for good';
    is lines($t, $words), 1, '... one line says why' or diag $t->error_log
        if defined $words;

    $end->();
    becomes($t, $WELL, "$name: well again");
}

$t->finish;
