# Sends invalid and unusual requests.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use Test::More;

my $t = MDS->new;
$t->depot;
$t->start(<<'EOF2');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /check { mds_check; }
    location = /long { mds_check; mds_attribute user $http_x_user; }
}
EOF2

my $long  = 'x' x 257;
my $limit = 'x' x 256;
my $name  = 'n' x 33;
my $many  = join '', map { "&a$_=1" } 1 .. 62;

my @bad = (
    # missing
    [ '',                       qr/"app" is missing/ ],
    [ 'app=a',                  qr/"kind" is missing/ ],
    [ 'kind=k',                 qr/"app" is missing/ ],
    [ 'app=&kind=k',            qr/"app" is missing/ ],
    [ 'app=a&kind=',            qr/"kind" is missing/ ],
    [ 'app=a&kind',             qr/"kind" is missing/ ],

    # doubled
    [ 'app=a&kind=k&app=a',     qr/"app" comes twice/ ],
    [ 'app=a&kind=k&x=1&x=2',   qr/"x" comes twice/ ],
    [ 'app=a&kind=k&x=&x=',     qr/"x" comes twice/ ],
    [ 'app=a&kind=k&%78=1&x=2', qr/"x" comes twice/ ],

    # too long, too many
    [ "app=a&kind=k&x=$long",   qr/"x": .*257 bytes/ ],
    [ "app=$long&kind=k",       qr/"app": .*257 bytes/ ],
    [ "app=a&kind=k$many&b=1",  qr/more than 64/ ],

    # badly encoded
    [ 'app=a&kind=k&x=%',       qr/%/ ],
    [ 'app=a&kind=k&x=%4',      qr/%/ ],
    [ 'app=a&kind=k&x=%zz',     qr/%/ ],
    [ 'app=a&kind=k&x=%ff',     qr/"x": .*UTF-8/ ],
    [ 'app=a&kind=k&x=%c0%af',  qr/"x": .*UTF-8/ ],
    [ 'app=a&kind=k&x=%ed%a0%80', qr/"x": .*UTF-8/ ],
    [ 'app=a&kind=k&x=%00',     qr/"x": .*UTF-8/ ],
    [ "app=a&kind=k&x=\xff",    qr/"x": .*UTF-8/ ],

    # no names
    [ 'app=a&kind=k&X=1',       qr/"X" is not a parameter name/ ],
    [ 'app=a&kind=k&1x=1',      qr/"1x" is not a parameter name/ ],
    [ 'app=a&kind=k&a-b=1',     qr/"a-b" is not a parameter name/ ],
    [ 'app=a&kind=k&=1',        qr/"" is not a parameter name/ ],
    [ "app=a&kind=k&$name=1",   qr/"$name" is not a parameter name/ ],
    [ 'app=a&kind=k&a%00=1',    qr/is not a parameter name/ ],
    [ 'app=a&kind=k&%0a%22=1',  qr/is not a parameter name/ ],

    # no versions
    map({ ( [ "app=a&kind=k&version=$_",     qr/"version": .*not a version/s ],
            [ "app=a&kind=k&app_version=$_", qr/"app_version": .*not a version/s ],
            [ "app=a&kind=k&refuse=$_",      qr/"refuse": .*not a version/s ] ) }
        'x', '1.', '.1', '1..2', '1.x', '-1', '1.0-', '1%0a2', '%20', 'vv1',
        '1_0', '1.0-%C3%A9'),
    [ 'app=a&kind=k&refuse=1.0,x,2.0', qr/"refuse": "x" is not a version/ ],
);

for my $case (@bad) {
    my ($query, $detail) = @$case;
    my $r = $t->get("/check?$query");

    (my $title = substr $query, 0, 40) =~ s/[^ -~]/?/g;
    is($r->status, 400, "400: $title");
    is($r->header('Content-Type'), 'application/problem+json', '... a problem');
    is($r->header('MDS-Serial'), 0, '... with the serial');
    is($r->header('Cache-Control'), 'no-store', '... not to be kept');

    my $problem = $r->json // {};
    is($problem->{status}, 400, '... with its status');
    is($problem->{title}, 'Bad Request', '... and title');
    like($problem->{detail} // '', $detail, '... says what');
}

# Accepted: there is nothing for it, which is no error.
my @good = (
    'app=a&kind=k',
    'app=nobody&kind=whatever&name=xyz',
    "app=a&kind=k&x=$limit",
    "app=a&kind=k$many",
    'app=a&kind=k&unknown=1&other_2=2',
    'app=a&kind=k&x=%2B%26%3D&y=a+b&z=%E6%9B%B4',
    'app=a&kind=k&x=a=b=c',
    '&app=a&&kind=k&',
    'app=a&kind=k&version=&refuse=&app_version=',
    'app=a&kind=k&version=1&app_version=v1.2.3-rc.1%2Bb7&refuse=1,2.0,v3',
    'app=a&kind=k&os_version=eleven',
    '%61pp=a&k%69nd=k',
);

for my $query (@good) {
    my $r = $t->get("/check?$query");
    is($r->status, 204, '204: ' . substr $query, 0, 40);
    is($r->body, '', '... without a body');
    is($r->header('MDS-Serial'), 0, '... with the serial');
}

# Methods.
for my $method (qw(PUT DELETE PATCH OPTIONS PROPFIND BREW)) {
    my $r = $t->raw("$method /check?app=a&kind=k HTTP/1.1\r\nHost: h\r\n"
        . "Connection: close\r\nContent-Length: 3\r\n\r\nabc");
    is($r->status, 405, "405: $method");
    is($r->header('Allow'), 'GET, HEAD, POST', '... says which are');
    is($r->json->{status}, 405, '... a problem');
    is($r->header('MDS-Serial'), 0, '... with the serial');
}

# A batch that is not JSON.
my $post = $t->raw("POST /check?app=a&kind=k HTTP/1.1\r\nHost: h\r\n"
    . "Connection: close\r\nContent-Length: 3\r\n\r\nabc");
is($post->status, 415, '415: POST of something');
is($post->json->{status}, 415, '... a problem');
is($post->header('MDS-Serial'), 0, '... with the serial');

my $r = $t->head('/check?app=a');
is($r->status, 400, 'HEAD: 400');
is($r->body, '', '... without a body');
is($t->head('/check?app=a&kind=k')->status, 204, 'HEAD: 204');

# A body where none is expected.
is($t->raw("GET /check?app=a&kind=k HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        . "Content-Length: 5\r\n\r\nhello")->status, 204, 'GET with a body');

# What mds_attribute sets is held to the same.
is($t->get('/long?app=a&kind=k', 'X-User', $limit)->status, 204,
    'a set attribute of 256 bytes');
is($t->get('/long?app=a&kind=k', 'X-User', $long)->status, 400,
    '... of 257 is not taken');
is($t->get('/long?app=a&kind=k', 'X-User', "\xff")->status, 400,
    '... nor one that is not UTF-8');

# Nothing that a client sends makes a line of its own in the log.
$t->get('/check?app=a&kind=k&version=%0Aforged%20line');
unlike($t->error_log, qr/^forged/m, 'no forged line in the log');

# Refused by nginx; the server lives on.
$t->raw("GET /check?\0 HTTP/1.1\r\n\r\n");
$t->raw("\0" x 100);
is($t->get('/check?' . 'x' x 40000)->status, 414, 'a query of 40,000 bytes');
is($t->get('/check?app=a&kind=k')->status, 204, 'still there');

$t->finish;
