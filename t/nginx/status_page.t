# The page of mds_status in a real browser: it renders, updates itself and
# explains, without an error in the console, wide and narrow, with no release,
# three and 3,000, with hostile names, and without JavaScript.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Browser;
use JSON::PP;
use MDS;
use Test::More;

my $t = MDS->new(main => 'env MDS_CLOCK;');
$t->{env}{MDS_CLOCK} = $t->write('clock', '0');
$t->depot;
my $true = JSON::PP::true;

# --- the header file is made of the page

my ($code, $made) = $t->run({}, 'perl', "$MDS::ROOT/ngx_mds_module/status_page.pl",
    "$MDS::ROOT/ngx_mds_module/status.html");
is($made, $t->read("$MDS::ROOT/ngx_mds_module/ngx_http_mds_status_page.h"),
    'make page was run');

my $evil = "<img src=x onerror=alert(1)>'\"&";
my $bidi = "\x{202e}evil\x{2066}";
my $long = 'n' x 250 . 'x';

sub apply {
    my (@releases) = @_;
    $t->mdsctl('apply', $t->document({ app => 'com.example.shop',
        packages => [ map { { kind => 'upgrade', platform => 'android',
            version => "$_.0.0", file => "v$_" } } 1 .. 3 ],
        releases => \@releases }));
}
$t->write("v$_", "package $_" x 1000) for 1 .. 3;
my @three = map { { id => "r-$_->[0]", kind => 'upgrade', platform => 'android',
    version => "$_->[0].0.0", audience => $_->[1], %{ $_->[2] // {} } } }
    [ 1, { all => $true } ],
    [ 2, { percent => 20 }, { halt => { failure_percent => 50, min_reports => 3 } } ],
    [ 3, { window => { count => 5 } } ];

$t->start(<<'EOC');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    mds_attribute city "";
    location = /check       { mds_check; }
    location   /files/      { mds_files; }
    location = /report      { mds_report; }
    location = /mds/status  { mds_status; }
    location = /mds/explain { mds_explain; }
}
EOC

# --- the answer

my $r = $t->get('/mds/status', 'Accept', 'text/html,application/xhtml+xml,*/*;q=0.8');
is($r->header('Content-Type'), 'text/html; charset=utf-8', 'a browser gets the page');
is($t->get('/mds/status?format=html')->body =~ /^<!doctype html>/ ? 1 : 0, 1, '... and who asks for it');
like($r->header('Content-Security-Policy'), qr/^default-src 'none'; script-src 'sha256-/, 'its policy');
is($r->header('X-Content-Type-Options'), 'nosniff', 'its type is not guessed');
unlike($r->body, qr{(?:src|href)="?(?:https?:)?//}, 'it loads nothing from elsewhere');

my $quoted = MDS->new;
$quoted->depot;
$quoted->start(<<'EOC');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /mds/status { mds_status; }
    location = '/mds/"><img src=x>&' { mds_explain; }
}
EOC
like($quoted->get('/mds/status?format=html')->body,
    qr{<form id="explain" action="/mds/&quot;&gt;&lt;img src=x&gt;&amp;">},
    'the place of mds_explain, as the value of an attribute');
$quoted->stop;

my $b = Browser->new(dir => $t->dir);
SKIP: {
    skip 'chromium is not installed', 1 if !$b;
    my $shots = $ENV{MDS_SCREENSHOTS};
    my $shot = sub { $b->screenshot("$shots/$_[0].png") if $shots };
    my $url = $t->url('/mds/status');
    my $fits = sub {
        is($b->value('document.documentElement.scrollWidth - window.innerWidth'), 0,
            "$_[0]: nothing is wider than the page");
    };

    # Nothing is released.
    $b->open($url);
    ok($b->wait_for('document.querySelector(".empty")'), 'no release: it says so');
    is($b->value('document.getElementById("state").textContent'), 'well', '... and the edge is well');
    $shot->('empty');

    # Three.
    apply(@three);
    ok($b->wait_for('document.querySelectorAll(".release").length === 3'),
        'it updates itself: three releases');
    $t->get("/check?app=com.example.shop&kind=upgrade&platform=android&version=0.9&device=d$_") for 1 .. 40;
    $t->get('/' . $t->get('/check?app=com.example.shop&kind=upgrade&platform=android&device=d1')
        ->json->{full}{path}) for 1 .. 3;
    $t->write('clock', 60_000 * 3);
    ok($b->wait_for('!document.getElementById("day").hidden'), '... the last 24 hours');
    ok($b->wait_for('document.querySelector(".spark")'), '... and a curve of a release');
    ok($b->wait_for('/\\b4\\d devices/.test(document.getElementById("running").innerText)'),
        '... the versions that devices run');
    like($b->value('document.getElementById("releases").innerText'), qr/5 of 5/, '... a window that is full');
    like($b->value('document.getElementById("releases").innerText'), qr/20 % of devices/, '... an audience in words');

    # What devices report of it.
    my $report = sub {
        my ($n, $event, @devices) = @_;
        my $body = sub { JSON::PP->new->utf8->encode({ app => 'com.example.shop', device => "d$_[0]",
            release => "r-$n", version => "$n.0.0", event => $event,
            $event eq 'failed' ? (detail => 'no space left on device') : () }) };
        return join ' ', grep { $_ != 204 } map { my $text = $body->($_);
            $t->raw("POST /report HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                . "Content-Type: application/json\r\nContent-Length: " . length($text)
                . "\r\n\r\n$text")->status } @devices;
    };
    is($report->(1, downloaded => 1 .. 30), '', 'reports of downloads');
    is($report->(1, installed => 1 .. 24), '', '... of installations');
    is($report->(1, failed => 25 .. 27), '', '... and of failures');
    my $row = '[...document.querySelectorAll(".release")].map((r) => r.innerText)'
        . '.find((text) => /r-1/.test(text))';
    ok($b->wait_for("/downloaded\\s+30\\b.*installed\\s+24\\b/s.test($row) && /failed\\s+3\\b/.test($row)"),
        '... are a funnel');

    # One that hurts. Devices that were told to install it count.
    my @told = grep { my $answer = $t->get('/check?app=com.example.shop&kind=upgrade'
            . "&platform=android&version=1.0.0&device=e$_");
        $answer->status == 200 && $answer->json->{release} eq 'r-2' } 1 .. 40;
    cmp_ok(scalar @told, '>=', 3, 'devices are told to install r-2');
    $_ = $t->raw("POST /report HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: " . length($_) . "\r\n\r\n$_")->status
        for my @posts = map { qq({"app":"com.example.shop","device":"e$_","release":"r-2",)
            . qq("version":"2.0.0","event":"crashed"}) } @told;
    is_deeply([ grep { $_ != 204 } @posts ], [], '... and report a crash');
    ok($b->wait_for('/halted/.test(document.getElementById("releases").innerText)'),
        '... which halts it');

    for my $width (1280, 400) {
        for my $dark (0, 1) {
            $b->open($url, width => $width, dark => $dark);
            $b->wait_for('document.querySelectorAll(".release").length === 3');
            $fits->("three at $width");
            $shot->("three-$width" . ($dark ? '-dark' : ''));
        }
    }

    # Explain.
    $b->value('(() => { const f = document.getElementById("explain");
        f.app.value = "com.example.shop"; f.platform.value = "android"; f.device.value = "d1";
        document.getElementById("other").value = "city=Rome brand=<b>"; f.requestSubmit(); })()');
    ok($b->wait_for('document.querySelectorAll("#answer details").length === 3'),
        'the form explains: three candidates');
    my $said = $b->value('document.getElementById("answer").innerText');
    like($said, qr/^Install .* reason: /, '... what the device gets');
    like($said, qr/could not send: city/, '... and what it could not send');
    $fits->('the explanation');
    $shot->('explain-400');
    $b->value('(() => { const f = document.getElementById("explain");
        f.version.value = "latest"; f.requestSubmit(); })()');
    ok($b->wait_for('/version/.test(document.querySelector("#answer .no").textContent)'),
        '... and a mistake is shown');
    $b->value('(() => { window.fetch = async () => new Response("<html>", { status: 502 });
        document.getElementById("explain").requestSubmit(); })()');
    ok($b->wait_for('/status 502/.test(document.querySelector("#answer .no").textContent)'),
        '... and the status of an answer that is not JSON');

    # An edge that takes its time.
    $b->open($url);
    $b->wait_for('document.querySelectorAll(".release").length === 3');
    is($b->value('(() => { let asked = 0; window.fetch = () => { asked++; return new Promise(() => 0); };
        for (let i = 0; i < 3; i++) document.dispatchEvent(new Event("visibilitychange"));
        return asked; })()'), 1, 'it asks again when it has its answer');

    # Without JavaScript.
    $b->open($url, script => 0);
    is($b->value('document.querySelectorAll("noscript table tr").length > 5'), $true,
        'without JavaScript, there are tables');
    $shot->('noscript');

    # Hostile names, and many releases.
    my @names = ($evil, $bidi, $long);
    $t->mdsctl('apply', $t->document({ app => 'b', lists => { $bidi => { ids => ['a'] } },
        packages => [ map { { kind => 'bundle', name => $names[$_], version => '1.0.0',
            file => 'v1' } } 0 .. $#names ],
        releases => [ map { { id => "h-$_", kind => 'bundle', name => $names[$_], version => '1.0.0',
            audience => { lists => [$bidi] } } } 0 .. $#names ] }, 'b.json'));
    for my $width (1280, 400) {
        $b->open($url, width => $width);
        ok($b->wait_for('document.querySelectorAll(".release").length === 6'), 'hostile names: shown');
        is($b->value('document.querySelectorAll("#live img").length'), 0, '... as text');
        like($b->value('document.getElementById("releases").innerText'),
            qr/U\+202E.*evil.*U\+2066/, '... and what turns text round by its number');
        $fits->("hostile names at $width");
        $shot->("hostile-$width");
    }
    $b->open($url, script => 0);
    is($b->value('document.querySelectorAll("img").length'), 0, '... also without JavaScript');
    unlike($t->get('/mds/status?format=html')->body, qr/\xe2\x80\xae|\xe2\x81\xa6/,
        '... where they are replaced');

    apply(@three, map { { id => "m-$_", kind => 'upgrade', platform => 'android',
        version => '2.0.0', audience => { percent => 1 } } } 1 .. 2997);
    $b->open($url);
    ok($b->wait_for('/^3,00/.test(document.getElementById("count").textContent)'), '3,000 releases');
    is($b->value('document.querySelectorAll(".release").length'), 50, '... of which 50 are drawn');
    $b->value('(() => { const f = document.getElementById("filter"); f.value = "m-2997";
        f.dispatchEvent(new Event("input")); })()');
    is($b->value('document.querySelectorAll(".release").length'), 1, '... and one is found');
    $shot->('many');

    my @errors = $b->errors;
    # The explanation of a wrong version is a 400, which the browser notes.
    is_deeply([ grep { !/status of 400/ } @errors ], [], 'no error in the console');
}

$t->finish;
