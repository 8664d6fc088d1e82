# What the module refuses goes where error_page sends it, with the lines that
# belong to the refusal; without a page it is a problem+json.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use Test::More;

my $t = MDS->new;
$t->depot;
$t->write('b', 'package');
my $sha = sha256_hex('package');
$t->mdsctl('apply', $t->document({ app => 'a', packages => [
    { kind => 'bundle', name => 'b', version => '1', file => 'b' } ],
    releases => [ { id => 'r', kind => 'bundle', name => 'b', version => '1',
        audience => { all => JSON::PP::true } } ] }));

mkdir "$t->{dir}/www" or die "mkdir: $!";
$t->write('www/page.html', 'the page');
chmod 0755, "$t->{dir}/www";

$t->start(<<'END');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    root %DIR%/www;

    location = /page.html { add_header X-Page yes always; }

    location = /bare/check    { mds_check; }
    location   /bare/files/   { mds_files; }

    # A page of each status, with and without one of its own.
    location /paged/ {
        error_page 400 404 405 413 415 503 /page.html;
        location = /paged/check    { mds_check; }
        location = /paged/messages { mds_messages; }
        location   /paged/files/   { mds_files; }
        location = /paged/none     { mds_check; mds_depot %DIR%/none; }
    }

    location = /changed/check { mds_check; error_page 400 =200 /page.html; }
    location = /moved/check   { mds_check; error_page 400 http://example.com/; }
    location = /other/check   { mds_check; error_page 404 /page.html; }

    # The files of an origin, where they are not here yet.
    location /edge/ {
        mds_files;
        mds_depot %DIR%/edge;
        error_page 404 = @origin;
    }
    location @origin {
        rewrite ^/edge/(.*) /bare/files/$1 break;
        proxy_pass http://%LISTEN%;
    }

    # Another edge, where this one has nothing to read.
    location /fails/ {
        mds_depot %DIR%/none;
        error_page 503 = @other;
        location = /fails/check    { mds_check; mirror /mirror; }
        location = /fails/messages { mds_messages; }
        location   /fails/files/   { mds_files; }
    }
    location @other {
        rewrite ^/fails/(.*) /bare/$1 break;
        proxy_pass http://%LISTEN%;
    }
    location = /mirror { internal; return 204; }

    # One page after another.
    location /twice/ {
        recursive_error_pages on;
        location = /twice/check {
            mds_check; mds_depot %DIR%/none; error_page 503 = @second;
        }
    }
    location @second {
        recursive_error_pages on;
        mds_check;
        error_page 400 /page.html;
    }

    # To an endpoint of another depot, of files, and of no depot.
    location /depots/ {
        add_header X-Serial "$mds_serial" always;
        location = /depots/to-edge  { mds_check; error_page 400 = /depots/edge; }
        location = /depots/to-files { mds_check; error_page 400 = /depots/f/x; }
        location = /depots/to-none  { mds_check; error_page 400 = /depots/none; }
        location = /depots/edge     { mds_check; mds_depot %DIR%/edge; }
        location   /depots/f/       { mds_files; }
        location = /depots/none     { mds_check; mds_depot %DIR%/none; }
    }

    # In subrequests.
    location = /guarded {
        auth_request /bad;
        error_page 403 /page.html;
    }
    location = /bad { mds_check; error_page 400 =403 /denied; }
    location = /denied { return 403; }
    location = /added { add_after_body /bad; addition_types *;
                        default_type text/html; return 200 before; }
    location = /composed { add_before_body /paged/check; addition_types *;
                           try_files /page.html =404; }
}
END

my ($made) = $t->run({}, "$MDS::BUILD/mdsctl", '--depot', "$t->{dir}/edge",
    'init');
is($made, 0, 'the depot of an edge that has no file');
ok($t->wait_for(sub { $t->get("/edge/$sha")->status == 200 }), '... is served');

my $bad  = 'check?app=a';
my $good = 'check?app=a&kind=bundle&name=b';
my $none = 'a' x 64;

sub post {
    my ($target, $body, $type) = @_;
    return $t->raw("POST $target HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . 'Content-Type: ' . ($type // 'application/json') . "\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body");
}

# What is refused: which status, which lines.
my @refused = (
    [ "no kind",       sub { $t->get("/$_[0]/$bad") }, 400 ],
    [ "no kind, HEAD", sub { $t->head("/$_[0]/$bad") }, 400 ],
    [ "no file",       sub { $t->get("/$_[0]/files/$none") }, 404 ],
    [ "no name",       sub { $t->get("/$_[0]/files/x") }, 404 ],
    [ "method",        sub { $t->request('PUT', "/$_[0]/check") }, 405,
        Allow => 'GET, HEAD, POST' ],
    [ "files' method", sub { $t->request('DELETE', "/$_[0]/files/$sha") }, 405,
        Allow => 'GET, HEAD' ],
    [ "too long",      sub { post("/$_[0]/check", ' ' x 70_000) }, 413 ],
    [ "another type",  sub { post("/$_[0]/check", '{}', 'text/plain') }, 415 ],
    [ "wrong body",    sub { post("/$_[0]/check", '{') }, 400 ],
);

for my $case (@refused) {
    my ($title, $ask, $status, %lines) = @$case;
    my ($bare, $paged) = map { $ask->($_) } qw(bare paged);

    for my $r ($bare, $paged) {
        is($r->status, $status, "$title: $status");
        is($r->header('Cache-Control'), 'no-store', '... not to be kept');
        is($r->header('MDS-Serial'), $t->get("/bare/$good")->header('MDS-Serial'),
            '... the serial') if $title !~ /file|name/;
        is($r->header($_), $lines{$_}, "... $_") for keys %lines;
    }
    is($bare->header('Content-Type'), 'application/problem+json', '... a problem');
    is($paged->header('Content-Type'), 'text/html', '... or the page');
    is($paged->header('X-Page'), 'yes', '... with its lines');
    is($paged->body, $title =~ /HEAD/ ? '' : 'the page', '... and its body');
}

my $r = $t->get('/paged/none?app=a&kind=b');
is($r->status . ' ' . $r->body, '503 the page', 'no depot: the page');
like($r->header('Retry-After'), qr/^\d+$/, '... says when');
is($r->header('MDS-Serial'), undef, '... of no catalog');

# A page that takes its status is another answer.
$r = $t->get("/changed/$bad");
is($r->status . ' ' . $r->body, '200 the page', 'another status');
is($r->header('MDS-Serial') // $r->header('Cache-Control'), undef,
    '... has nothing of the refusal');
is($t->get("/moved/$bad")->header('Location'), 'http://example.com/',
    'a redirection');
is($t->get("/other/$bad")->header('Content-Type'), 'application/problem+json',
    'a page for another status is none');

# Files of the origin.
$r = $t->get("/edge/$sha");
is($r->status . ' ' . $r->body, '200 package', 'a file from the origin');
is($r->header('Cache-Control'), 'public, max-age=31536000, immutable',
    '... as the origin sends it');
is($r->header('MDS-Serial'), undef, '... and nothing else');
$r = $t->get("/edge/$none");
is($r->status, 404, 'no file at the origin');
is($r->header('Cache-Control'), 'no-store', '... says the origin');

# Another edge.
my $serial = $t->get("/bare/$good")->header('MDS-Serial');
for ([ GET => $t->get("/fails/$good") ], [ POST => post('/fails/check', JSON::PP
    ->new->encode({ app => 'a', resources => [ { kind => 'bundle', name => 'b' },
        map { { kind => "k$_" } } 1 .. 1000 / 4 ] })) ])
{
    my ($method, $r) = @$_;
    is($r->status, 200, "another edge answers a $method");
    like($r->body, qr/"r\b/, '... with what it has');
    is($r->header('MDS-Serial'), $serial, '... and its serial');
    is($r->header('Retry-After'), undef, '... and nobody has to wait');
}
is($t->get("/fails/check?app=a")->status, 400, '... refuses, too');

$r = $t->get("/twice/check?app=a");
is($r->status . ' ' . $r->body, '400 the page', 'one page after another');

# The serial is that of the depot that answers.
my $edge = $t->get("/depots/edge?app=a")->header('MDS-Serial');
isnt($edge, $serial, 'another depot has another serial');
for ([ 'to-edge', 400, $edge ], [ 'to-files', 404 ], [ 'to-none', 503 ]) {
    my ($to, $status, $wanted) = @$_;
    my $r = $t->get("/depots/$to?app=a");
    is($r->status, $status, "error_page $to");
    is($r->header('MDS-Serial'), $wanted, '... MDS-Serial');
    is($r->header('X-Serial'), $wanted, '... $mds_serial');
}

# Subrequests.
is($t->get('/guarded')->body, 'the page', 'auth_request: what it refuses');
like($t->get('/composed')->body, qr/the page.*the page/s,
    'addition: a page before a page');

# HTTP/2
SKIP: {
    my ($status, $version) = $t->run({}, 'curl', '--version');
    skip 'no curl with HTTP/2', 2 if $status != 0 || $version !~ /HTTP2/;

    $t->stop;
    $t->start($t->{http} =~ s/listen %LISTEN%;/listen %LISTEN% http2;/r);
    my (undef, $out) = $t->run({}, 'curl', '-si', '--http2-prior-knowledge',
        $t->url("/paged/$bad"));
    like($out, qr{^HTTP/2 400.*mds-serial: \d.*the page$}si, 'HTTP/2: a page');
    (undef, $out) = $t->run({}, 'curl', '-si', '--http2-prior-knowledge',
        $t->url("/bare/$bad"));
    like($out, qr{^HTTP/2 400.*application/problem\+json}si, '... and a problem');
}

$t->finish;
