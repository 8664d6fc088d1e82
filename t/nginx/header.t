# The header of an answer, as nginx's other directives see it and change it.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use Test::More;

my ($ndk, $lua)
    = map { "/usr/lib/nginx/modules/${_}_module.so" } qw(ndk_http ngx_http_lua);
my $has_lua = -e $ndk && -e $lua;
my $t = MDS->new($has_lua ? (main => "load_module $ndk;\nload_module $lua;") : ());
$t->depot;
my $text = 'package ' x 1000;
my $sha  = sha256_hex($text);
$t->write('b', $text);
$t->mdsctl('apply', $t->document({ app => 'a', packages => [
    { kind => 'bundle', name => 'b', version => '1', file => 'b' } ],
    releases => [ { id => 'r', kind => 'bundle', name => 'b', version => '1',
        audience => { all => JSON::PP::true } } ] }));

my $lua_locations = !$has_lua ? '' : <<'END';
location /lua/ {
    mds_files;
    header_filter_by_lua_block { ngx.header["Cache-Control"] = "private" }
}
END

$t->start(<<"END");
mds_depot %DEPOT%;
log_format cache '\$status [\$sent_http_cache_control]';
server {
    listen %LISTEN%;
    $lua_locations
    location   /files/   { mds_files; access_log %DIR%/log cache; }
    location = /check    { mds_check; access_log %DIR%/log cache; }
    location   /expires/ { mds_files; expires 60s; }
    location = /expires  { mds_check; expires epoch; }
    location   /headers/ { mds_files; add_header Cache-Control no-transform; }
    location   /etagless/ { mds_files; etag off; }

    location /gzip/ { mds_files; gzip on; gzip_types *; gzip_http_version 1.0; }
    location /sub/  { mds_files; sub_filter package parcel; sub_filter_types *; }
    location /add/  { mds_files; add_after_body /more; addition_types *; }
    location = /more { return 200 more; }

    # An application that lets a visitor in.
    location ~ ^/app/(.*) { proxy_pass http://%LISTEN%/answers/\$1\$is_args\$args; }
    location ~ ^/answers/(.*) {
        add_header X-Accel-Redirect /inner/\$1\$is_args\$args;
        add_header Cache-Control private;
        default_type application/vnd.example;
        return 200 '';
    }
    location /inner/files/ { internal; mds_files; }
    location /inner/check  { internal; mds_check; }
}
END

my $check   = '?app=a&kind=bundle&name=b';
my $forever = 'public, max-age=31536000, immutable';

sub lines { my ($r, $name) = @_; return scalar grep { lc $_->[0] eq lc $name } @{ $r->{fields} } }

# Cache-Control is one line, whoever sets it.
my $r = $t->get("/files/$sha");
is($r->header('Cache-Control'), $forever, 'files');
is($t->get("/check$check")->header('Cache-Control'), 'no-store', 'check');
is($t->get('/check?app=a')->status, 400, 'a refusal');
$t->wait_for(sub { $t->read('log') =~ /400/ });
is($t->read('log'), "200 [$forever]\n200 [no-store]\n400 [no-store]\n",
    '... and $sent_http_cache_control');

my @cases = (
    [ "/expires/$sha",   'max-age=60', 'expires' ],
    [ "/expires$check",  'no-cache', 'expires, check' ],
    [ "/app/files/$sha", 'private', 'X-Accel-Redirect, files' ],
    [ "/app/check$check", 'no-store', 'X-Accel-Redirect, check' ],
    $has_lua ? [ "/lua/$sha", 'private', 'Lua' ] : (),
);
for my $case (@cases) {
    my ($target, $value, $title) = @$case;
    $r = $t->get($target);
    is($r->status, 200, "$title: 200");
    is($r->header('Cache-Control'), $value, "... $value");
    is(lines($r, 'Cache-Control'), 1, '... one line');
}
is($t->get("/headers/$sha")->header('Cache-Control'), "$forever, no-transform",
    'add_header adds');
is($t->get("/app/files/$sha")->header('Content-Type'), 'application/vnd.example',
    'X-Accel-Redirect: the type, too, is what the application says');
is($t->get("/app/check$check")->header('Content-Type'), 'application/json',
    '... but for an answer of the module');

# What is sent instead of an impossible range is no file.
for my $target ("/files/$sha", "/app/files/$sha", "/gzip/$sha") {
    $r = $t->get($target, Range => 'bytes=8000-');
    is($r->status, 416, "$target: 416");
    is($r->header('Content-Range'), 'bytes */8000', '... how long it is');
    is($r->header($_), undef, "... no $_")
        for qw(Cache-Control Repr-Digest ETag);
}

# etag off
$r = $t->get("/etagless/$sha");
is($r->header('ETag'), undef, 'etag off: none');
ok($r->header('Repr-Digest'), '... the digest is another matter');
is($t->get("/etagless/$sha", 'If-None-Match' => qq("$sha"))->status, 200,
    '... and no condition holds');
is($t->get("/etagless/$sha.minisig")->header('ETag'), undef, '... signatures, too');

# The digest is that of the file as it is sent.
my @gzip = ('Accept-Encoding' => 'gzip');
$r = $t->get("/gzip/$sha", @gzip);
is($r->header('Content-Encoding'), 'gzip', 'gzip');
is($r->header('Repr-Digest'), undef, '... no digest');
is($r->header('ETag'), qq(W/"$sha"), '... a weak ETag');
ok($t->get("/gzip/$sha")->header('Repr-Digest'), '... not asked for: the digest');
ok($t->get("/gzip/$sha", @gzip, Range => 'bytes=0-3')->header($_), "... $_")
    for 'Cache-Control';
is($t->get("/$_/$sha")->header('Repr-Digest'), undef, "$_: no digest")
    for qw(sub add);
for ('0-3', '0-3,8-9') {
    $r = $t->get("/files/$sha", Range => "bytes=$_");
    is($r->status, 206, "bytes=$_");
    ok($r->header('Repr-Digest'), '... the digest is that of all');
}

$t->finish;
