# The variables that describe the file of the decision, and what mds_resource
# does with "installed" and "window": enough to speak another protocol.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex sha256);
use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use MIME::Base64;
use Test::More;

my $t = MDS->new(workers => 2);
$t->depot;

my $common = join '', map { chr(($_ * 7919 >> 3) & 255) } 1 .. 20_000;
my %file = map { ($_ => $common . "version $_") } 1 .. 3;
$t->write("app-$_", $file{$_}) for keys %file;

my $true = JSON::PP::true;
my $meta = { notes => { en => 'Faster' }, news => "say \"hi\"\n\x{20ac}", restart => $true, tauri => { a => [1, '}'] },
    Big => 'B', n => 7, empty => '' };
$t->mdsctl('apply', $t->document({
    app => 'a',
    packages => [ map { { kind => 'bundle', name => 'b', version => "$_",
        file => "app-$_", $_ == 2 ? (meta => $meta) : () } } 1 .. 3 ],
    releases => [
        { id => 'one', kind => 'bundle', name => 'b', version => '1',
          audience => { all => $true } },
        { id => 'two', kind => 'bundle', name => 'b', version => '2',
          audience => { all => $true } },
        { id => 'three', kind => 'bundle', name => 'b', version => '3',
          audience => { window => { count => 2 } },
          rules => [ { attribute => 'new', op => 'in', values => ['1'] } ] },
    ],
}));

my @names = qw(action release version serial reason sha256 sha256_base64 size path minisig delta_path delta_size
    app_version meta_news meta_notes_en meta_notes_zh meta_tauri_a meta_restart meta_tauri meta_big meta_n meta_empty
    meta_none);
my $all = join ' ', map { "\"$_\":\"\$mds_${_}_json\"," } @names;

$t->start(<<"EOF2");
mds_depot %DEPOT%;
mds_attribute app a;
log_format mds '\$mds_sha256 \$mds_meta_n \$mds_delta_size \$mds_app_version';
server {
    listen %LISTEN%;
    access_log %DIR%/access.log mds;
    mds_attribute app a;

    location = /json {
        mds_resource bundle b;
        return 200 '{$all "x":1}';
    }
    location = /header {
        mds_resource bundle b;
        add_header X-App "\$mds_app_version";
        return 200 x;
    }
    location = /plain {
        mds_resource bundle b;
        return 200 '\$mds_sha256 \$mds_size \$mds_meta_restart \$mds_meta_tauri \$mds_app_version';
    }
    location = /have {
        mds_resource bundle b installed=\$arg_have;
        if (\$mds_action = none) { return 204; }
        return 200 '{$all "x":1}';
    }
    location = /file {
        mds_resource bundle b installed=\$arg_have;
        try_files /none \@answer;
    }
    location = /window {
        mds_resource bundle b window installed=\$arg_have;
        try_files /none \@answer;
    }
    location = /name { mds_resource bundle b installed=1 window;
                        alias %DIR%/app-\$mds_version; }
    location \@answer { return 200 '\$mds_version \$mds_sha256 \$mds_delta_size'; }
    location = /ssi { ssi on; default_type text/html; mds_resource bundle b;
                      try_files /page.shtml =404; root %DIR%; }
    location = /check { mds_check; mds_attribute kind bundle; mds_attribute name b;
                        add_header X-Sha "\$mds_sha256 \$mds_meta_news_json";
                        add_header X-Count "\$mds_resources_json \$mds_action_json"; }
    location = /elsewhere { return 200 '[\$mds_sha256\$mds_meta_n\$mds_app_version]'; }
}
EOF2

# --- every variable, in the form that stands in a JSON string

my $j = $t->get('/json?app_version=9.1')->json;
my $sha = sha256_hex($file{2});
is($j->{sha256}, $sha, 'sha256');
is("$j->{action} $j->{release} $j->{version} $j->{serial} $j->{reason}",
    'install two 2 1 all', 'those of the decision');
is($j->{sha256_base64}, encode_base64(sha256($file{2}), ''), 'in base64');
is($j->{size}, length $file{2}, 'size');
is($j->{path}, "files/$sha", 'path');
my ($minisig) = glob $t->depot_dir . "/files/$sha.*.minisig";
is(decode_base64($j->{minisig}), $t->read("depot/files/" . ($minisig =~ s{.*/}{}r)),
    'minisig is the text of the signature');
is($j->{$_}, '', "no $_: nothing is installed") for qw(delta_path delta_size);
is($j->{app_version}, '9.1', 'app_version');
is($t->get('/header?app_version=9.1')->header('X-App'), '9.1', '... in a header');
is($t->get("/header?app_version=9.1%0d%0aX-Evil:1")->header($_), undef,
    "... line ends of which make no $_") for qw(X-Evil X-App);
is($j->{meta_news}, $meta->{news}, 'a text with quotes and a line feed');
is($j->{meta_notes_en}, 'Faster', 'a member of an object');
is($j->{meta_notes_zh}, '', '... that is not there');
is($j->{meta_tauri_a}, '[1,"}"]', '... that is a list');
is($j->{meta_restart}, 'true', 'true');
is_deeply(JSON::PP->new->utf8->decode($j->{meta_tauri}), $meta->{tauri},
    'an object is JSON in the string');
is($j->{meta_big}, 'B', 'letters of a name are lower-case in nginx');
is($j->{meta_n}, '7', 'a number');
is($j->{"meta_$_"}, '', "$_") for qw(empty none);

my $r = $t->get('/plain');
is($r->body, "$sha " . length($file{2}) . ' true {"a":[1,"}"]} ', 'and plainly');

# --- installed

is($t->get('/have?have=2')->status, 204, 'current: the action is none');
for my $where (qw(file window)) {
    is($t->get("/$where?have=2")->header('MDS-Serial'), 1, "... of $where, with the serial");
    my $bad = $t->get("/$where?have=x");
    is($bad->status, 400, 'not a version');
    is($bad->header('Content-Type'), 'application/problem+json', '... a problem');
    like($bad->json->{detail}, qr/the installed version "x" is not a version/, '... that says why');
}
is($t->get('/file?have=2')->status, 204, '... and without a rewrite, the status');
$j = $t->get('/have?have=1')->json;
is("$j->{action} $j->{version}", 'install 2', 'older: install');
like($j->{delta_path}, qr{^files/[0-9a-f]{64}$}, 'with a delta');
is(-s $t->depot_dir . "/$j->{delta_path}", $j->{delta_size}, '... of that size');
is($t->get('/file')->body, "2 $sha ", 'nothing installed: the full file');
is($t->get('/file?version=2&have=1')->status, 200,
    'the version of the query is not the installed one');

# --- window: a place is taken by a GET alone

my $three = sha256_hex($file{3});
is($t->get('/file?new=1&device=w1&have=1')->body =~ /^(\d)/ && $1, '2',
    'without window: no place is taken');
is($t->head('/window?new=1&device=w1&have=1')->status, 200, 'HEAD');
like($t->get("/window?new=1&device=$_&have=1")->body, qr/^3 $three \d+$/,
    "$_ gets a place") for qw(w1 w2);
like($t->get('/window?new=1&device=w3&have=1')->body, qr/^2 /, 'it is full');
like($t->get('/file?new=1&device=w2&have=1')->body, qr/^3 /, 'who is in sees it');
is($t->get('/window?new=1&device=w2&have=3')->status, 204, '... and is current');
is($t->get('/window?have=x')->status, 400, 'not a version');
ok($t->get('/name?new=1&device=w2')->body eq $file{3}, 'the words in another order');

# --- a check, logs, other places

$r = $t->get('/check?version=1');
is($r->header('X-Sha'), $sha . ' ' . (JSON::PP->new->utf8->allow_nonref
    ->encode($meta->{news}) =~ s/^"|"$//gr), 'a check sets them, too');
is($t->get('/check?version=2')->header('X-Sha'), '', '... but not with a 204');
my $batch = '{"resources":[{},{}]}';
is($t->raw("POST /check HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n"
    . 'Content-Length: ' . length($batch) . "\r\n\r\n$batch")->header('X-Count'),
    '2 install,install', 'of a batch, the count and the actions');
is($t->get('/elsewhere')->body, '[]', 'not found elsewhere');
$t->wait_for(sub { ($t->read('access.log') =~ /\n\z/) });
like((grep { /^$sha 7 \d+ / } split /\n/, $t->read('access.log'))[0],
    qr/^$sha 7 \d+ -$/, 'in a log');

# --- a name that is known at run time alone

$t->write('page.shtml', '<!--#echo var="mds_meta_n" encoding="none" -->');
like($t->get('/ssi')->body, qr/^7\b/m, 'by SSI');

# --- going back

$t->mdsctl(qw(rollback a two));
$j = $t->get('/have?have=2')->json;
is("$j->{action} $j->{version} $j->{sha256}", "rollback 1 " . sha256_hex($file{1}),
    'rollback: the file to go back to');
$t->mdsctl(qw(rollback a one));
$t->mdsctl(qw(rollback a three));
is($t->get('/have?have=1')->json->{version}, '', 'back to none');
is($t->get('/file?have=1')->status, 404, '... has nothing to show');

for my $case (
    [ 'window window', 'invalid parameter "window"' ],
    [ 'b installed=1 installed=2', 'invalid parameter "installed=2"' ],
    [ 'b other', 'invalid parameter "other"' ],
    [ 'window b', 'invalid parameter "b"' ],
) {
    my ($words, $said) = @$case;
    my ($status, $out) = $t->test_config("mds_depot %DEPOT%; server { listen"
        . " %LISTEN%; location /a { mds_resource bundle $words; } }");
    ok($status != 0, "refused: $words");
    like($out, qr/\Q$said\E/, '... says why');
}

$t->finish;
