# Beside nginx's other directives: what the documentation says of them, and
# ways into a location that are not a plain request for it.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use MIME::Base64 qw(encode_base64);
use Test::More;

my $t = MDS->new;
$t->depot;
$t->write('b', 'package');
my $sha  = sha256_hex('package');
my $true = JSON::PP::true;
$t->mdsctl('apply', $t->document({ app => 'a',
    lists => { staff => { ids => ['boss'] } },
    packages => [ { kind => 'bundle', name => 'b', version => '1', file => 'b' } ],
    releases => [ { id => 'r', kind => 'bundle', name => 'b', version => '1',
        audience => { lists => ['staff'] } } ] }));
$t->write('passwords', 'boss:{PLAIN}secret' . "\n");
my $query = 'app=a&kind=bundle&name=b';

$t->start(<<'END');
mds_depot %DEPOT%;
limit_req_zone $binary_remote_addr zone=one:64k rate=1r/m;
server {
    listen %LISTEN%;

    location = /all/check {
        allow all; auth_basic x; auth_basic_user_file %DIR%/passwords;
        mds_attribute user $remote_user; mds_check;
    }
    location = /any/check {
        satisfy any;
        allow all; auth_basic x; auth_basic_user_file %DIR%/passwords;
        mds_attribute user $remote_user; mds_check;
    }

    location /files/    { mds_files; open_file_cache max=10; }
    location /errors/   { mds_files; open_file_cache max=10;
                          open_file_cache_errors on; }

    location = /check   { mds_check; }
    location = /rewrite { rewrite ^ /check last; }
    location = /named   { try_files /none @named; }
    location @named     { mds_check; }
    location = /if      { if ($arg_kind) { add_header X-If yes; } mds_check; }
    location = /return  { if ($arg_kind) { return 418; } mds_check; }
    location = /teapot  { error_page 418 = @named; return 418; }
    location = /limited { limit_req zone=one; limit_req_status 429; mds_check; }
    location = /guarded { auth_request /check?app=a&kind=bundle; return 204; }
    location = /ssi     { ssi on; default_type text/html;
        return 200 '[<!--# include virtual="/check?app=a&kind=bundle&name=b&user=boss" -->]'; }
}
END

# A password that is wrong, and one that is not asked for.
sub basic { return (Authorization => 'Basic ' . encode_base64($_[0], '')) }
is($t->get("/all/check?$query", basic('boss:secret'))->status, 200, 'the boss');
is($t->get("/all/check?$query", basic('boss:wrong'))->status, 401, 'not the boss');
is($t->get("/any/check?$query", basic('boss:wrong'))->status, 200,
    'satisfy any: anybody who says so');

# A file that comes after somebody has asked for it.
my $file = $t->depot_dir . "/files/$sha";
rename $file, "$file.away" or die "rename: $!";
is($t->get("/$_/$sha")->status, 404, "$_: no file yet") for qw(files errors);
rename "$file.away", $file or die "rename: $!";
is($t->get("/files/$sha")->status, 200, 'it has come');
is($t->get("/errors/$sha")->status, 404, 'open_file_cache_errors: it has not');

# Ways in.
for my $target (qw(/check /rewrite /named /if /teapot)) {
    my $r = $t->get("$target?$query&user=boss");
    is($r->status, 200, "$target: 200");
    is($r->json && $r->json->{release}, 'r', '... what is to be installed');
    $r = $t->get("$target?$query&user=you");
    is($r->status, 204, '... and what is not');
    $r = $t->get("$target?app=a");
    is($r->status, 400, '... and what is wrong');
    is($r->header('Content-Type'), 'application/problem+json', '... a problem');
}
is($t->get("/if?$query")->header('X-If'), 'yes', 'if: its lines');
is($t->get("/return?$query")->status, 418, 'return comes first');
is(join(' ', map { $t->get("/limited?$query")->status } 1 .. 3), '204 429 429',
    'limit_req');
is($t->get('/guarded')->status, 204, 'auth_request: a check that goes well');
like($t->get("/ssi")->body, qr/\[.*"release":"r".*\]/s, 'SSI');

# A page of another origin, by the configuration in the documentation.
my ($browsers) = $t->read("$MDS::ROOT/docs/run.md")
    =~ /^## Browsers\n.*?^```nginx\n(.*?)^```/ms or die 'no example';
$browsers =~ s{/var/lib/mds}{%DEPOT%};
$browsers =~ s{listen 8080}{listen %LISTEN%};
$t->stop;
$t->start($browsers);

my @shop = (Origin => 'https://shop.example.com');
my $r = $t->request('OPTIONS', '/mds/v1/check', @shop,
    'Access-Control-Request-Method'  => 'POST',
    'Access-Control-Request-Headers' => 'content-type');
is($r->status, 204, 'preflight: 204');
is($r->header('Access-Control-Allow-Origin'), $shop[1], '... the origin');
like($r->header('Access-Control-Allow-Methods'), qr/\bPOST\b/, '... the method');
like($r->header('Access-Control-Allow-Headers'), qr/\bContent-Type\b/i,
    '... the header');
is($r->header('Access-Control-Max-Age'), 7200, '... for how long');
is($t->request('OPTIONS', '/mds/v1/check', Origin => 'https://evil.example.com')
        ->header('Access-Control-Allow-Origin'), undef, '... not for others');

for my $case ([ 200, "check?$query&user=boss" ], [ 204, "check?$query" ],
    [ 400, 'check?app=a' ], [ 200, 'config?app=a' ], [ 200, "files/$sha" ],
    [ 404, 'files/none' ])
{
    my ($status, $target) = @$case;
    $r = $t->get("/mds/v1/$target", @shop);
    is($r->status, $status, "$target: $status");
    is($r->header('Access-Control-Allow-Origin'), $shop[1], '... for the page');
    like($r->header('Access-Control-Expose-Headers'), qr/MDS-Signature/,
        '... with the lines it needs');
    is($r->header('Access-Control-Allow-Methods'), undef, '... is no preflight');
    is($r->header('Vary'), $target eq "files/$sha"
        ? 'Accept-Encoding, Available-Dictionary, Origin' : 'Origin',
        '... caches tell pages apart, and codings of files');
}

$t->finish;
