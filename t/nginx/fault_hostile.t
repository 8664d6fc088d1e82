# Attacks a worker with endless, false and slow bodies, huge headers, deep JSON, crafted
# paths, ranges and conditions, and with many clients that send or read nothing. Each
# request gets the right error, other clients are not disturbed, and the same worker is
# alive at the end and has not grown. MDS_SOAK=SECONDS runs longer.

use strict;
use warnings;

use Compress::Zlib qw(memGzip);
use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Select;
use JSON::PP;
use MDS;
use POSIX ();
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;
use Time::HiRes qw(sleep time);

use constant IDLE => 2000;

$SIG{PIPE} = 'IGNORE';
my $soak = $ENV{MDS_SOAK} // 0;
my $true = JSON::PP::true;
my $t = MDS->new(connections => 4096, main => 'worker_rlimit_nofile 8192;');
my $quiet = MDS->new;
$t->depot;

my $content = join '', map { chr(($_ * 7 + ($_ >> 8)) & 255) } 0 .. 99_999;
my $sha     = sha256_hex($content);
$t->write('p1', $content);
$t->write("p$_", "$content and more") for 2, 3;
$t->mdsctl('apply', $t->document({
    app      => 'a',
    packages => [
        map({ { kind => 'upgrade', platform => 'android', version => "$_.0",
                file => "p$_" } } 1 .. 3),
        { kind => 'bundle', name => 'big', version => '1.0', file => 'p1' },
    ],
    releases => [
        { id => 'up', kind => 'upgrade', platform => 'android',
          version => '2.0', audience => { all => $true } },
        { id => 'big', kind => 'bundle', name => 'big', version => '1.0',
          audience => { all => $true },
          meta => { notes => { en => 'n' x 4000 } } },
    ],
}));
$t->write('users', "u\n");
$t->mdsctl(qw(message push a --users), "$t->{dir}/users",
    qw(--to android=3.0 --until 2099-01-01T00:00:00Z));

$t->start(<<'EOF2');
mds_depot %DEPOT%;
client_header_timeout 1h;
client_body_timeout 1h;
send_timeout 1h;
keepalive_requests 1000000;
server {
    listen %LISTEN% backlog=4096;
    location = /mds/v1/check    { mds_check; }
    location = /mds/v1/silent   { mds_check; client_body_timeout 1s; }
    location = /mds/v1/config   { mds_config; }
    location = /mds/v1/messages { mds_messages; }
    location   /mds/v1/files/   { mds_files; }
}
EOF2

# Another one, before which there is never a load_gen.
$quiet->start(<<"EOF2");
mds_depot @{[ $t->depot_dir ]};
keepalive_requests 1000000;
server {
    listen %LISTEN%;
    location = /mds/v1/check { mds_check; }
}
EOF2

my ($worker) = $t->workers;
my $asan = $ENV{TEST_NGINX_PRELOAD};

sub rss_kb {
    my ($rss) = $t->read("/proc/$worker/status") =~ /^VmRSS:\s+(\d+)/m;
    return $rss // 0;
}

sub post {
    my ($path, $body, %more) = @_;

    my %fields = ('Content-Type' => 'application/json',
        'Content-Length' => length $body, Connection => 'close', %more);
    return "POST /mds/v1/$path HTTP/1.1\r\nHost: h\r\n"
        . join('', map { "$_: $fields{$_}\r\n" } grep { defined $fields{$_} }
            sort keys %fields) . "\r\n$body";
}

sub get {
    my ($target, @lines) = @_;
    return join "\r\n", "GET $target HTTP/1.1", 'Host: h', 'Connection: close',
        @lines, '', '';
}

# Sent as it is; the status is one of these (0: closed without an answer), and
# the connection ends.
sub deserves {
    my ($what, $bytes, @statuses) = @_;

    my $r = $t->raw($bytes);
    my $status = $r->status;
    ok((grep { $_ == $status } @statuses) && !$r->{hangs}, "$what: $status")
        or diag("want one of @statuses, and no connection that hangs");
    ok($r->json, '... a problem that is JSON') if $r->status >= 400
        && ($r->header('Content-Type') // '') eq 'application/problem+json';
    return $r;
}

sub socket_to {
    my ($server, $receive) = @_;

    my $socket = IO::Socket::INET->new(Proto => 'tcp');
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, $receive if $receive;
    $socket->connect($server->port, Socket::inet_aton('127.0.0.1')) or return;
    return $socket;
}

my $CHECK = "GET /mds/v1/check?app=a&kind=upgrade&platform=android&version=1.0"
    . " HTTP/1.1\r\nHost: h\r\n\r\n";

# Milliseconds until a check is answered.
sub check_takes {
    my ($socket) = @_;

    my $begin = time;
    $socket->syswrite($CHECK);
    my $answered = qr/\r\n\r\n\{.*"serial":\d+/s;
    $t->read_until($socket, $answered) =~ $answered
        or die 'a check is not answered';

    return 1000 * (time - $begin);
}

# The 99th of a hundred, here and before the one that is quiet, by turns: what
# else runs on the machine keeps both waiting.
sub p99 {
    my @sockets = (socket_to($t), socket_to($quiet));
    my @took;
    for (1 .. 300) {
        push @{ $took[$_] }, check_takes($sockets[$_]) for 0, 1;
    }
    return map { (sort { $a <=> $b } @$_)[@$_ * 99 / 100] } @took;
}

sub serves {
    my ($what) = @_;
    is($t->raw(get('/mds/v1/check?app=a&kind=upgrade&platform=android'))->status,
        200, "$what: it serves");
    is(join(' ', $t->workers), $worker, '... by the same worker');
}

serves('at first');

# --- bodies

my $BATCH = '{"app":"a","platform":"android","resources":[{"kind":"upgrade"}]}';

is($t->raw(post('check', $BATCH))->status, 200, 'a batch');

# A byte every 100 ms is slow, and no crime. What comes of it is seen at the end.
my $dripping = fork // die "fork: $!";
if ($dripping == 0) {
    my $socket = socket_to($t);
    my $body = '{"app":"a","resources":[]}' . ' ' x ($soak ? 200 : 20);
    my $answer = '';
    $socket->syswrite(post('check', '', 'Content-Length' => length $body));
    for my $byte (split //, $body) {
        sleep 0.1;
        $socket->syswrite($byte);
    }
    1 while $socket->sysread($answer, 65536, length $answer);
    $t->write('dripped', $answer);
    POSIX::_exit(0);
}

deserves('declared as a terabyte',
    post('check', $BATCH, 'Content-Length' => 10 ** 12), 413);
deserves('declared as more than there is',
    post('check', $BATCH, 'Content-Length' => '9' x 30), 400);
deserves("length $_", post('check', $BATCH, 'Content-Length' => $_), 400)
    for '-1', '1x', '0x10', '+5', '';
deserves('two lengths', post('check', $BATCH,
    'Content-Length' => "5\r\nContent-Length: 6"), 400);
deserves('a length and chunks', post('check', "0\r\n\r\n",
    'Transfer-Encoding' => 'chunked'), 400);
deserves('another encoding', post('check', $BATCH,
    'Content-Length' => undef, 'Transfer-Encoding' => 'gzip'), 501, 400);
deserves('shorter than declared, and silence',
    post('silent', $BATCH, 'Content-Length' => 500), 408, 0);
deserves('longer than declared',
    post('check', $BATCH . $BATCH, Connection => 'keep-alive',
        'Content-Length' => length $BATCH), 200);
deserves('an empty body', post('check', ''), 400);
deserves('64 KiB and one', post('check', ' ' x 65537), 413);
deserves('64 KiB of blanks', post('check', ' ' x 65536), 400);

for my $chunk ('ffffffffffffffff', '7fffffffffffffff', '-1', 'x', '', '1;a=b') {
    deserves("a chunk of \"$chunk\"",
        post('silent', "$chunk\r\nx\r\n", 'Content-Length' => undef,
            'Transfer-Encoding' => 'chunked'), 400, 413, 408, 0);
}

# Chunks without end: refused long before the sender is tired.
{
    my $socket = socket_to($t);
    my ($sent, $answer, $chunk) = (0, '', sprintf "%x\r\n%s\r\n", 8192, ' ' x 8192);
    $socket->syswrite(post('check', '', 'Content-Length' => undef,
        'Transfer-Encoding' => 'chunked', Connection => undef));
    while ($sent < 1024 * 1024 * 1024) {
        IO::Select->new($socket)->can_write($t->{patience}) or last;
        $sent += $socket->syswrite($chunk) // last;
        if (IO::Select->new($socket)->can_read(0)) {
            $socket->sysread($answer, 4096, length $answer) or last;
        }
    }
    like($answer, qr{^HTTP/1\.1 413 }, 'chunks without end: 413');
    cmp_ok($sent, '<', 256 * 1024 * 1024, '... and cut off');
}

# Whether to go on is asked for; the answer comes before the body.
{
    my $r = $t->raw(post('check', $BATCH, Expect => '100-continue'));
    is($r->status, 100, 'Expect: 100');
    like($r->body, qr{^HTTP/1\.1 200 }, '... then 200');
    my $socket = socket_to($t);
    $socket->syswrite(post('check', '', 'Content-Length' => 10 ** 9,
        Expect => '100-continue'));
    like($t->read_until($socket, qr/ 413 /),
        qr{^HTTP/1\.1 (?:413|100 Continue\r\n\r\nHTTP/1\.1 413)},
        'Expect, of a gigabyte: 413');
    deserves('Expect of something else',
        post('check', $BATCH, Expect => '200-ok'), 417, 200);
}

deserves('a body that is packed', post('check', memGzip($BATCH),
    'Content-Encoding' => 'gzip'), 400, 415);
deserves('a bomb', post('check', memGzip(' ' x 50_000_000),
    'Content-Encoding' => 'gzip'), 400, 415);

# --- JSON

my $deep = 10_000;
my %json = (
    'deep lists'     => '[' x 60_000,
    'deep objects'   => '{"a":' x 12_000,
    'deep, and shut' => '{"app":"a","resources":' . '[' x $deep . ']' x $deep . '}',
    'deep in a word' => '{"app":"a","resources":[{"kind":"k","x":' . '[' x $deep
        . ']' x $deep . '}]}',
    'a million elements' => '{"app":"a","resources":['
        . join(',', ('{}') x 1_000_000) . ']}',
    'many elements' => '{"app":"a","resources":[' . join(',', (0) x 30_000) . ']}',
    'many of one element' => '{"app":"a","resources":[{"kind":"k","x":['
        . join(',', (0) x 30_000) . ']}]}',
    'many members'   => '{"app":"a","resources":[{'
        . join(',', map { "\"a$_\":\"1\"" } 1 .. 5_000) . '}]}',
    'doubled'        => '{"app":"a","app":"b","resources":[]}',
    'doubled within' => '{"app":"a","resources":[{"kind":"k","kind":"l"}]}',
    'doubled by an escape' => '{"app":"a","\u0061pp":"b","resources":[]}',
    'two lists'      => '{"app":"a","resources":[],"resources":[]}',
    'beyond a number' => '{"app":"a","n":1e999,"resources":[]}',
    'a long number'  => '{"app":"a","n":' . '9' x 60_000 . ',"resources":[]}',
    'half a pair'    => '{"app":"\ud800","resources":[]}',
    'the other half' => '{"app":"\udc00\ud800","resources":[]}',
    'a zero'         => '{"app":"a\u0000b","resources":[]}',
    'a bare zero'    => "{\"app\":\"a\0b\",\"resources\":[]}",
    'a newline'      => "{\"app\":\"a\nb\",\"resources\":[]}",
    'no UTF-8'       => "{\"app\":\"\xff\",\"resources\":[]}",
    'overlong'       => "{\"app\":\"\xc0\xaf\",\"resources\":[]}",
    'a surrogate'    => "{\"app\":\"\xed\xa0\x80\",\"resources\":[]}",
    'a mark in front' => "\xef\xbb\xbf$BATCH",
    'UTF-16'         => join('', map { "$_\0" } split //, $BATCH),
    'NaN'            => '{"app":"a","n":NaN,"resources":[]}',
    'a comma'        => '{"app":"a","resources":[],}',
    'a comment'      => '{/**/"app":"a","resources":[]}',
    'more behind'    => "$BATCH$BATCH",
    'cut'            => substr($BATCH, 0, 30),
    'a long name'    => '{"app":"a","' . 'n' x 60_000 . '":"1","resources":[]}',
    'a cut name'     => '{"app":"a","' . 'n' x 31 . "\xe6\x9b\xb4"
        . '":1,"resources":[]}',
    'no app'         => '{"resources":[{"kind":"k"}]}',
    'a text'         => '"a"',
    'nothing'        => 'null',
);

for my $what (sort keys %json) {
    # What is wrong with one resource is said in its result.
    my @statuses = $what eq 'a million elements' ? 413
        : $what =~ /one element|in a word|no app|members|many elements/ ? (200, 400)
        : 400;
    deserves("batch: $what", post('check', $json{$what}), @statuses);
    deserves("marks: $what", post('messages', $json{$what}), 400, 413);
}

my %marks = (
    'deep'       => '[' x 5_000 . ']' x 5_000,
    'reversed'   => '[[9,3]]',
    'beyond'     => '[18446744073709551616]',
    'exponent'   => '[1e0]',
    'negative'   => '[-1]',
    'zero'       => '[0]',
    'above all'  => '[9223372036854775807]',
    'triples'    => '[[1,1,1]]',
    'many'       => '[' . join(',', map { 2 * $_ } 1 .. 9_000) . ']',
    'everything' => '[[1,9223372036854775807]]',
);
deserves("marks: $_", post('messages', "{\"app\":\"a\",\"user\":\"u\",\"read\":"
    . "$marks{$_}}"), 400) for sort keys %marks;
deserves('marks: delete beyond', post('messages',
    "{\"app\":\"a\",\"user\":\"u\",\"delete_through\":$_}"), 400)
    for '1e999', '-1', '9223372036854775807', '99999999999999999999', '1.5', '"1"';

# --- heads

my $query = '/mds/v1/check?app=a&kind=upgrade&platform=android';

deserves('a query of 1 MB', get("$query&x=" . 'x' x 1_048_576), 414, 0);
deserves('a header of 1 MB', get($query, 'X: ' . 'x' x 1_048_576), 400, 0);
deserves('10,000 headers', get($query, map { "X-$_: 1" } 1 .. 10_000), 400, 0);
deserves('1,000 cookies', get($query, ('Cookie: a=b') x 1_000), 200, 400);
deserves('two hosts', get($query, 'Host: i'), 400);
deserves('a header without a name', get($query, ': x'), 400, 200);
deserves('a header with a zero', get($query, "X: a\0b"), 400);
deserves('a folded header', get($query, "X: a\r\n b"), 200, 400);
deserves('Accept without measure', get($query, 'Accept: '
    . join(',', ('application/vnd.dsse.envelope.v1+json;q=0.' . '1' x 20) x 100)),
    200);
deserves("Accept: $_", get($query, "Accept: $_"), 200)
    for ';;;,,,', 'application/vnd.dsse.envelope.v1+json;q=', '*/*;q=NaN', '/',
    '"' x 500;

deserves('parameters by the thousand',
    get("$query&" . join '&', map { "a$_=1" } 1 .. 900), 400);
deserves('the same by the thousand', get("$query&" . join '&', ('x=1') x 1_500), 400);
deserves('ampersands', get($query . '&' x 7_000), 200);
deserves("query $_", get("$query&$_"), 400)
    for 'x=%00', 'x=%', 'x=%e', 'x=%zz', 'x=%c0%80', 'x=%c0%af', 'x=%e0%80%af',
    'x=%f0%80%80%af', 'x=%f4%90%80%80', 'x=%ed%bf%bf', 'x=%ff', '%ff=1',
    '%e6%9b=1', '%1b[2J=1', '%00=1', '=1', 'a%2e=1', "x=\xff", "\xc3=1";
deserves('a raw zero', get("$query&x=\0"), 400);
deserves('percent of percent', get("$query&x=%2525%2500"), 200);

is($t->raw("$CHECK\x16\x03\x01\0\xff" . "\xff" x 200)->status, 200,
    'garbage behind a request: the request');
deserves('TLS', "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" . "\xff" x 500, 400, 0);
deserves('HTTP/2', "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505, 405, 0);
deserves('HTTP/9', "GET $query HTTP/9.9\r\n\r\n", 505, 400);
deserves('HTTP/0.9', "GET $query\r\n", 0, 400);
deserves('an absolute target', get("http://evil$query"), 200, 400);

# Fifty on one connection, half of them wrong.
{
    my $one = "POST /mds/v1/check HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
        . "Content-Type: application/json\r\n\r\nabc";
    my $r = $t->raw(($CHECK . $one) x 25 . get($query));
    my @statuses = $r->{bytes} =~ m{HTTP/1\.1 (\d+) }g;
    is("@statuses", join(' ', (200, 400) x 25, 200), 'pipelined, right and wrong');
}

# --- files

my $file = "/mds/v1/files/$sha";
is($t->raw(get($file))->status, 200, 'a file');

deserves("path $_", get("/mds/v1/files/$_"), 400, 404)
    for '', '..', '../', '../CURRENT', '..%2fCURRENT', '%2e%2e/CURRENT',
    '%2e%2e%2fjournal%2fdata.mdb', '....//CURRENT', "$sha/", "$sha/.", "$sha%00",
    "$sha%00.minisig", "$sha.minisig/", "$sha.minisig.minisig", "$sha.", "./$sha/..",
    "$sha%2f..%2f..%2fCURRENT", uc $sha, substr($sha, 1), "0$sha", "$sha\x80",
    "\\..\\CURRENT", "$sha;x", '.' x 500, '%' x 10, '%u002e', '%c0%ae%c0%ae/CURRENT',
    'x' x 4_000, '/etc/passwd', '//etc/passwd', "$sha%20", "%20$sha", '.tmp-x';

my %ranges = (
    'bytes=-0' => [ 416, 200 ], 'bytes=5-2' => [ 416 ],
    'bytes=0-' => [ 206 ], 'bytes=99999-' => [ 206 ], 'bytes=100000-' => [ 416 ],
    'bytes=-99999999999999999999' => [ 416, 206 ],
    'bytes=9223372036854775807-9223372036854775807' => [ 416 ],
    'bytes=18446744073709551615-18446744073709551616' => [ 416 ],
    'bytes=0-9223372036854775807' => [ 206 ], 'bytes=--1' => [ 416 ],
    'bytes=' => [ 200, 416 ], 'bytes=,,,' => [ 416 ], 'bytes=a-b' => [ 416 ],
    'chars=0-1' => [ 200 ], 'bytes 0-1' => [ 200 ],
    'bytes=' . join(',', map { "$_-$_" } 1 .. 500) => [ 206 ],
    'bytes=' . join(',', ('0-') x 1_000) => [ 200, 416 ],
    'bytes=' . join(',', ('-1') x 1_500) => [ 200, 206 ],
    'bytes=0-0,0-99999,0-99999' => [ 200, 206 ],
);
for my $range (sort keys %ranges) {
    my $r = deserves('Range: ' . substr($range, 0, 50), get($file,
        "Range: $range"), @{ $ranges{$range} });
    cmp_ok(length $r->{bytes}, '<', 2 * length($content) + 100_000,
        '... and not many times the file');
}

my %conditions = (
    'If-None-Match: *' => 304, 'If-None-Match: "x"' => 200,
    "If-None-Match: W/\"$sha\"" => 304, 'If-None-Match: ' . '"' x 1_000 => 200,
    'If-None-Match: ' . join(',', ("\"$sha") x 50) => 0,
    "If-None-Match: \"$sha" => 0, 'If-Match: "x"' => 412, 'If-Match: *' => 200,
    'If-Match: ' . ',' x 1_000 => 412, 'If-Modified-Since: yesterday' => 200,
    'If-Modified-Since: Thu, 99 Xxx 9999 99:99:99 GMT' => 200,
    'If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT' => 412,
    "If-Range: \"x\"\r\nRange: bytes=0-1" => 200,
    "If-Range: \"$sha\"\r\nRange: bytes=0-1" => 206,
    "If-Range: " . 'x' x 5_000 . "\r\nRange: bytes=0-1" => 200,
);
for my $condition (sort keys %conditions) {
    deserves(substr($condition, 0, 50) =~ s/\r\n/ /r, get($file, $condition),
        $conditions{$condition} || (200, 304));
}

serves('after all that');

# --- floods: the same again and again, on connections that are kept

{
    my @flood = map { s/Connection: close\r\n//r } (
        get("$query&x=%ff"), get("$query&" . join '&', map { "a$_=1" } 1 .. 80),
        get("$query&x=" . 'x' x 3_000), get('/mds/v1/check'), get("$query&%1b=1"),
        get('/mds/v1/config?app=a&state=' . 'x' x 3_000),
        get('/mds/v1/messages?app=a&user=u&n=99999999999999999999'),
        get('/mds/v1/messages?app=a&user=' . 'u' x 256),
        get('/mds/v1/files/' . 'x' x 64), get($file, 'Range: bytes=5-2'),
        get($file, 'If-None-Match: *'), get($query, 'Accept: ' . 'x' x 500),
        map({ post('check', $json{$_}) } grep { length $json{$_} < 3_000 }
            sort keys %json),
        map({ post('messages', "{\"app\":\"a\",\"user\":\"u\",\"read\":$marks{$_}}") }
            grep { length $marks{$_} < 3_000 } sort keys %marks),
        post('check', '{"app":"a","resources":[' . join(',', ('{"kind":"bundle",'
            . '"name":"big","x":"' . 'y' x 100 . '"}') x 20) . ']}'),
    );
    my ($sent, $answered, $wrong) = (0, 0, 0);

    # One connection's worth of answers, a request after the other.
    my $pour = sub {
        my ($want) = @_;
        my $socket = socket_to($t);
        my $buffer = '';
        for (1 .. $want) {
            $socket->syswrite($flood[$sent++ % @flood]);
            while (index($buffer, "\r\n\r\n") < 0) {
                $socket->sysread($buffer, 262144, length $buffer) or return;
            }
            my $head = substr $buffer, 0, 4 + index($buffer, "\r\n\r\n"), '';
            my ($status) = $head =~ m{^HTTP/1\.1 (\d+) };
            $wrong++ if $status !~ /^(?:200|204|304|400|404|416)$/;
            $answered++;
            my ($length) = $head =~ /^Content-Length: (\d+)/mi;
            $length = 0 if $status == 204 || $status == 304;
            while (length $buffer < ($length // 0)) {
                $socket->sysread($buffer, 262144, length $buffer) or return;
            }
            substr $buffer, 0, $length // 0, '';
            return if $head =~ /^Connection: close/mi;
        }
    };

    my ($end, $count) = (time + $soak / 2, $soak ? 100_000 : 6_000);
    $pour->(500) while $answered < $count / 4;
    my $before = rss_kb();
    $pour->(500) while $answered < $count || time < $end;
    my $after = rss_kb();

    note("$answered answers; the worker has $before kB, then $after kB");
    is($wrong, 0, "$answered hostile requests, each with an answer of its kind");
    cmp_ok($after - $before, '<', 1024, '... and the worker has not grown')
        if !$asan;
}

# --- crowds

sub others_notice_nothing {
    my ($what) = @_;
    my ($here, $there);

    # A moment in which the machine did something else is not the load_gen's.
    for (1 .. 20) {
        ($here, $there) = p99();
        last if $here < 20 + 10 * $there;
    }
    cmp_ok($here, '<', 20 + 10 * $there, sprintf
        '%s: p99 is %.2f ms, and %.2f ms where it is quiet', $what, $here, $there);
}

others_notice_nothing('before they come');

# Who asks for a megabyte, and reads a byte now and then.
{
    my $megabyte = post('check', '{"app":"a","resources":['
        . join(',', ('{"kind":"bundle","name":"big"}') x 256) . ']}');
    my $whole = $t->raw($megabyte);
    is($whole->status, 200, 'a batch of a megabyte');
    cmp_ok(length $whole->body, '>', 1_000_000, '... it is one');

    my @slow = map { socket_to($t, 4096) } 1 .. 50;
    $_->syswrite($megabyte) for @slow;
    for (1 .. 3) {
        sysread $_, my $byte, 1 for @slow;
        others_notice_nothing('50 who do not read');
    }

    # One of them does, at last, and gets it whole.
    like($t->read_until($slow[0], qr/\]\}\z/), qr/\]\}\z/,
        '... who does in the end has it all');
}

# Who connects and says nothing, or half of something.
{
    my @idle;
    while (@idle < IDLE) {
        push @idle, socket_to($t) // last;
        $idle[-1]->syswrite(substr $CHECK, 0, @idle % 60) if @idle % 2;
    }
    is(scalar @idle, IDLE, IDLE . ' who say nothing');
    others_notice_nothing(IDLE . ' who say nothing');

    # One of them speaks up.
    $idle[1]->syswrite($CHECK);
    like($t->read_until($idle[1], qr/\r\n\r\n/), qr{^HTTP/1\.1 200 },
        '... one of them speaks, and is heard');
    serves('with ' . IDLE . ' of them');
}

# --- at the end

waitpid $dripping, 0;
like($t->read('dripped'), qr{^HTTP/1\.1 200 }, 'a byte every 100 ms: an answer');

serves('at the end');
$t->finish;
