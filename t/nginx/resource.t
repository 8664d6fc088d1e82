# mds_resource: the unpacked copy on line, under the same grayscale; the
# location of interface.md, to the letter, and what nginx can do around it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use Test::More;

my $t = MDS->new(workers => 2);
$t->depot;

mkdir $t->dir . "/$_" or die "$_: $!" for map { "home$_" } '', '/1.3.0',
    '/1.4.0', '/1.5.0-rc.1', '/1.3.0/sub', '/1.4.0/sub';
for my $version ('1.3.0', '1.4.0', '1.5.0-rc.1') {
    $t->write("home.$version", "package $version");
    $t->write("home/$version/index.html", "index $version");
    $t->write("home/$version/app.js",     "app $version");
}
$t->write('home/1.4.0/new.js', 'only in 1.4.0');
$t->write('home/1.4.0/page.shtml',
    '[<!--#include virtual="/h5/home/app.js" -->]');
$t->write('home/index.html', 'no version at all');
$t->write('htpasswd', "alice:{PLAIN}a\ncarol:{PLAIN}c\n");

my $true     = JSON::PP::true;
my $document = {
    app      => 'com.example.shop',
    lists    => { staff => { ids => ['alice'] },
                  lab   => { ids => ['d1'], by => 'device' } },
    packages => [
        map { { kind => 'bundle', name => '20000067', version => $_,
                file => "home.$_" } } '1.3.0', '1.4.0', '1.5.0-rc.1' ],
    releases => [
        { id => 'h-1.3.0', kind => 'bundle', name => '20000067',
          version => '1.3.0', audience => { all => $true },
          rules => [ { attribute => 'country', op => 'not_in',
                       values => ['xx'] } ] },
        { id => 'h-1.4.0', kind => 'bundle', name => '20000067',
          version => '1.4.0', audience => { lists => [ 'staff', 'lab' ] } },
        { id => 'h-1.5.0', kind => 'bundle', name => '20000067',
          version => '1.5.0-rc.1',
          audience => { window => { count => 1 } },
          rules => [ { attribute => 'rc', op => 'in', values => ['1'] } ] },
    ],
};
$t->mdsctl('apply', $t->document($document));

my $config = <<'EOF2';
mds_depot %DEPOT%;
mds_attribute country $http_x_country;
mds_attribute kind upgrade;
log_format mds '$mds_action $mds_release $mds_version $mds_serial $mds_reason';
server {
    listen %LISTEN%;
    access_log %DIR%/access.log mds;

    # the unpacked online copy, under the same grayscale
    location /h5/home/ {
        mds_attribute app com.example.shop;
        mds_attribute device $cookie_device;
        mds_resource bundle 20000067;
        alias %DIR%/home/$mds_version/;
    }

    mds_attribute app com.example.shop;
    root %DIR%/home;

    location /try/ {
        mds_resource bundle 20000067;
        try_files /../home/$mds_version/new.js /$mds_version/index.html =410;
    }
    location /private/ {
        auth_basic devices;
        auth_basic_user_file %DIR%/htpasswd;
        mds_attribute user $remote_user;
        mds_resource bundle 20000067;
        alias %DIR%/home/$mds_version/;
    }
    location /either/ {
        satisfy any;
        allow all;
        auth_basic devices;
        auth_basic_user_file %DIR%/htpasswd;
        mds_resource bundle 20000067;
        alias %DIR%/home/$mds_version/;
    }
    location /asked/ {
        auth_request /ask;
        auth_request_set $who $asked;
        set $early $mds_version;
        mds_attribute user $who;
        mds_resource bundle 20000067;
        add_header X-Early $early;
        alias %DIR%/home/$mds_version/;
    }
    location = /ask { set $asked alice; return 204; }

    location /rewritten/ {
        mds_resource bundle 20000067;
        rewrite ^/rewritten/(.*) /$mds_version/$1 break;
        add_header X-Version $mds_version;
    }
    location /moved/ {
        mds_resource bundle none;
        set $seen "[$mds_version]";
        rewrite ^/moved/(.*) /rewritten/$1 last;
    }
    location /if/ {
        mds_resource bundle 20000067;
        alias %DIR%/home/$mds_version/;
        if ($arg_set) { set $x 1; }
        if ($mds_version = 1.4.0) { add_header X-New yes; }
    }
    location /nested/ {
        mds_resource bundle 20000067;
        alias %DIR%/home/$mds_version/;
        location ~ \.js$ { add_header X-Nested yes; }
        location = /nested/check { mds_check; mds_attribute kind bundle;
                                   mds_attribute name 20000067; }
    }
    location ~ ^/by/(?<bundle>[^/]+)/ {
        mds_resource bundle $bundle;
        alias %DIR%/home/$mds_version/app.js;
    }
    location /entered/  { mds_resource bundle 20000067 window;
                          alias %DIR%/home/$mds_version/; }
    location /error/ {
        mds_resource bundle none;
        error_page 404 =200 /static.html;
        alias %DIR%/home/$mds_version/;
    }
    location = /static.html { return 200 "static $mds_version."; }
    location /none/     { mds_resource bundle none;
                          alias %DIR%/home/$mds_version/; }
    location /appless/  { mds_resource bundle 20000067; mds_attribute app "";
                          alias %DIR%/home/$mds_version/; }
    location /nameless/ { mds_resource upgrade;
                          alias %DIR%/home/$mds_version/; }
    location /cycle/    { mds_resource bundle 20000067;
                          mds_attribute city $mds_version;
                          alias %DIR%/home/$mds_version/; }
    location /proxied/  { mds_resource bundle $arg_b;
                          proxy_pass http://%LISTEN%/echo/$mds_version/; }
    location /echo/     { return 200 $uri; }
    location /ssi/      { ssi on; default_type text/html;
                          mds_resource bundle 20000067;
                          mds_attribute user alice;
                          alias %DIR%/home/$mds_version/; }
    location /plain/    { alias %DIR%/home/1.3.0/; add_header X-V "[$mds_version]"; }
    location = /check   { mds_check; mds_attribute kind bundle;
                          mds_attribute name 20000067; }
}
EOF2
$t->start($config);

sub shows {
    my ($path, $status, $body, $title, @headers) = @_;
    my $r = $t->get($path, @headers);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($r->status, $status, "$title: $path");
    is($r->body, $body, '... what it shows') if defined $body;
    return $r;
}

sub logged { return (split /\n/, $t->read('access.log'))[-1] }

# --- the example of the interface

my $home = '/h5/home';
my @of  = ('X-Country' => 'de');
my @lab = (@of, Cookie => 'device=d1');

shows("$home/app.js", 200, 'app 1.3.0', 'everybody', @of);
$t->wait_for(sub { $t->read('access.log') =~ /\n\z/ });
is(logged(), 'install h-1.3.0 1.3.0 1 all', '... as the log says');
$t->get("$home/app.js?version=1.3.0&n=1", @of);
$t->wait_for(sub { ($t->read('access.log') =~ tr/\n//) == 2 });
is(logged(), 'install h-1.3.0 1.3.0 1 all', '... whatever is installed');
shows("$home/app.js", 200, 'app 1.4.0', 'a device of the lab', @lab);
shows("$home/app.js", 200, 'app 1.3.0', 'another one', @of,
    Cookie => 'device=d2');
shows("$home/", 200, 'index 1.4.0', 'the index', @lab);
shows("$home/new.js", 404, undef, 'what this version lacks', @of);
shows("$home/new.js", 200, 'only in 1.4.0', '... and another has', @lab);
my $r = shows("$home/sub", 301, undef, 'a folder', @of);
like($r->header('Location'), qr{/h5/home/sub/$}, '... with no version in it');
is($t->head("$home/app.js", @lab)->header('Content-Length'), 9, 'HEAD');
is($t->request('POST', "$home/app.js", @lab, 'Content-Length' => 0)->status,
    405, 'nginx has its own say on methods');

shows("$home/app.js?device=d1", 200, 'app 1.3.0',
    'a fixed attribute cannot be claimed', @of);
shows("$home/app.js?country=de", 404, undef, '... nor an absent one');
$r = shows("$home/app.js", 404, undef, 'nothing to show: 404', 'X-Country' => 'xx');
is($r->header('Content-Type'), 'application/problem+json', '... a problem');
is($r->header('MDS-Serial'), 1, '... with the serial');
is($r->header('Cache-Control'), 'no-store', '... which is not stored');
like($r->json->{detail}, qr/no version for this device/, '... that says why');
like($t->raw("POST $home/app.js HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    . "GET /echo/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")->{bytes},
    qr{^HTTP/1\.1 404 .*no version.*HTTP/1\.1 200 .*/echo/x\z}s, '... and drops a body');
$r = $t->get("$home/", 'X-Country' => 'xx');
is($r->status, 404, '... also where there would be an index');
unlike($r->body, qr/no version at all/, '... which is not shown');
shows("$home/../../h5/home/1.4.0/new.js", 404, undef, 'no way around', @of);
shows("$home/%2e%2e/1.4.0/new.js", 404, undef, 'no way around', @of);
shows("$home/../home/%2e%2e%2f1.4.0/new.js", 404, undef, 'no way around', @of);

# --- the query: attributes, and whatever a page has besides

shows("$home/app.js?user=alice", 200, 'app 1.4.0', 'a claimed user', @of);
for my $query ('v=1&v=2', '%zz', 'user=alice%zz', 'A=1', '=', '&&', '%00=1',
    '_=1700000000', 'user=' . 'x' x 300, join('&', map { "p$_=1" } 1 .. 99),
    'version=abc', 'version=9.9', 'kind=upgrade', 'name=other', 'app=b',
    'refuse=abc', 'country=xx', 'user=%ff')
{
    shows("$home/app.js?$query", 200, 'app 1.3.0', 'no error here', @of);
}
shows("$home/app.js?a=%zz&user=alice&user=carol&b=%", 200, 'app 1.4.0',
    'what is right among what is wrong', @of);
shows("$home/app.js?%75ser=al%69ce", 200, 'app 1.4.0', 'decoded', @of);
shows("$home/app.js?user=alice&refuse=1.4.0", 200, 'app 1.3.0',
    'a version that is refused', @of);
shows("$home/app.js?version=1.4.0", 200, 'app 1.3.0',
    'what is installed is of no account', @of);
shows("$home/app.js", 400, undef, 'what nginx sets has to be right', @of,
    Cookie => 'device=' . 'x' x 300);

# --- windows: no slot is taken, and who is in sees it

shows("$home/app.js?rc=1", 200, 'app 1.3.0', 'a window is not entered', @of,
    Cookie => "device=w$_") for 1, 2;
is($t->get('/check?rc=1&device=w3', @of)->json->{version}, '1.5.0-rc.1',
    '... but by a check');
shows("$home/app.js?rc=1", 200, 'app 1.5.0-rc.1', 'who is in sees it', @of,
    Cookie => 'device=w3');
shows("$home/app.js?rc=1", 200, 'app 1.3.0', '... and nobody else', @of,
    Cookie => 'device=w1');

# --- what nginx does around it

shows('/try/x', 200, 'index 1.3.0', 'try_files', @of);
shows('/try/x?user=alice', 200, 'only in 1.4.0', 'try_files', @of);
shows('/try/x', 404, undef, 'try_files tries nothing', 'X-Country' => 'xx');

my @alice = (@of, Authorization => 'Basic YWxpY2U6YQ==');
shows('/private/app.js', 401, undef, 'who is nobody is asked first');
shows('/private/app.js', 401, undef, 'a wrong password', @of,
    Authorization => 'Basic YWxpY2U6Yg==');
shows('/private/app.js', 200, 'app 1.4.0', 'alice', @alice);
shows('/private/app.js?user=alice', 200, 'app 1.3.0', 'carol', @of,
    Authorization => 'Basic Y2Fyb2w6Yw==');
shows('/either/app.js', 404, undef, 'satisfy any does not let it through',
    'X-Country' => 'xx');
$r = shows('/asked/app.js', 200, 'app 1.4.0', 'access says who it is', @of);
is($r->header('X-Early'), '1.3.0', '... which was not known before');

$r = shows('/rewritten/app.js?user=alice', 200, 'app 1.4.0', 'rewrite', @of);
is($r->header('X-Version'), '1.4.0', '... and a header');
shows('/rewritten/index.html', 404, undef, '... of nothing',
    'X-Country' => 'xx');
shows('/moved/app.js?user=alice', 200, 'app 1.4.0',
    'a location that gives it to another', @of);

is($t->get('/if/app.js?user=alice&set=1', @of)->header('X-New'), 'yes', 'if');
is($t->get('/if/app.js', @of)->header('X-New'), undef, 'if not');
shows('/if/app.js', 404, undef, 'if nothing', 'X-Country' => 'xx');
shows('/if/app.js?set=1', 404, undef, 'if nothing', 'X-Country' => 'xx');

$r = shows('/nested/app.js?user=alice', 200, 'app 1.4.0', 'nested', @of);
is($r->header('X-Nested'), 'yes', '... in the inner location');
shows('/nested/1.4.0/new.js', 404, undef, '... which is no way around',
    'X-Country' => 'xx');
is($t->get('/nested/check?user=alice', @of)->json->{version}, '1.4.0',
    'a handler in the inner one answers itself');
is($t->get('/nested/check')->status, 204, '... also with nothing');

shows('/by/20000067/x', 200, 'app 1.3.0', 'a name by variable', @of);
shows('/by/20000068/x', 404, undef, 'another name', @of);
shows('/error/app.js', 200, 'static .', 'error_page', @of);
shows("/$_/app.js", 404, undef, $_, @of) for qw(none appless nameless);
shows('/cycle/app.js', 200, 'app 1.3.0', 'an attribute of its own making', @of);
shows('/proxied/?b=20000067', 200, '/echo/1.3.0/', 'a proxy', @of);
shows('/proxied/', 404, undef, '... is not asked for nothing', @of);
like($t->get('/ssi/page.shtml', @lab)->body, qr/app 1\.4\.0/,
    'a subrequest decides');
like($t->get('/ssi/page.shtml', @of)->body, qr/app 1\.3\.0/,
    '... for itself');
is($t->get('/plain/app.js')->header('X-V'), '[]', 'not found elsewhere');

# --- changes

$t->mdsctl('promote', 'com.example.shop', 'h-1.4.0', '--all');
shows("$home/app.js", 200, 'app 1.4.0', 'promoted: the next request', @of);
$t->mdsctl('rollback', 'com.example.shop', 'h-1.4.0');
shows("$home/app.js", 200, 'app 1.3.0', 'rolled back: the next request', @lab);
$t->mdsctl('end', 'com.example.shop', 'h-1.3.0');
shows("$home/app.js", 404, undef, 'ended: the next request', @lab);

# --- no depot

rename $t->depot_dir, $t->depot_dir . '.away' or die $!;
ok($t->wait_for(sub { $t->get("$home/app.js", @of)->status == 503 }),
    'no depot: 503');
$r = shows('/error/app.js', 503, undef, '... and not the page for a 404', @of);
for my $path ('/error/app.js', '/entered/app.js') {
    $r = shows($path, 503, undef, 'a problem', @of);
    is($r->header('Content-Type'), 'application/problem+json', '... of its type');
    ok($r->header('Retry-After'), '... that says when to ask again');
}
shows('/echo/x', 200, '/echo/x', '... and all else is served');
rename $t->depot_dir . '.away', $t->depot_dir or die $!;
ok($t->wait_for(sub { $t->get("$home/app.js", @of)->status == 404 }),
    'and back');

# --- configuration

my @wrong = (
    [ 'location /a { mds_resource bundle x; mds_resource bundle y; }',
      qr/"mds_resource" directive is duplicate/ ],
    [ 'location /a { mds_resource bundle x; mds_check; }',
      qr/"mds_check" cannot share a location with "mds_resource"/ ],
    [ 'location /a/ { mds_files; mds_resource bundle x; }',
      qr/"mds_resource" cannot share a location with "mds_files"/ ],
    [ 'location /a { mds_resource; }', qr/invalid number of arguments/ ],
    [ 'location /a { mds_resource "" x; }', qr/needs a kind/ ],
    [ 'location /a { if ($arg_a) { mds_resource bundle x; } }',
      qr/not allowed here/ ],
    [ 'mds_resource bundle x;', qr/not allowed here/ ],
    [ 'location /a { mds_resource bundle $nonesuch; }',
      qr/unknown "nonesuch" variable/ ],
);
for my $case (@wrong) {
    my ($text, $said) = @$case;
    my ($status, $out) = $t->test_config(
        "mds_depot %DEPOT%; server { listen %LISTEN%; $text }");
    ok($status != 0, "refused: $text");
    like($out, $said, '... says why');
}
my ($status, $out) = $t->test_config(
    'server { listen %LISTEN%; location /a { mds_resource bundle x; } }');
like($out, qr/"mds_resource" has no "mds_depot" that applies to it in /,
    'no depot in the configuration');

$t->finish;
