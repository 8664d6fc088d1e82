# What the logs say: a line of the access log knows what each resource of a
# batch got, and no client fills the error log at the level that is kept.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use Test::More;

my $t    = MDS->new;
my $JSON = JSON::PP->new->canonical;
$t->depot;
$t->write($_, "package $_") for 1, 2;
$t->mdsctl('apply', $t->document({ app => 'a',
    packages => [ map { { kind => 'hotfix', version => "$_", file => "$_" } } 1, 2 ],
    releases => [
        { id => 'fix-1', kind => 'hotfix', version => '1',
          audience => { all => JSON::PP::true } },
        { id => 'fix-2', kind => 'hotfix', version => '2', state => 'rolled_back',
          audience => { all => JSON::PP::true } } ] }));

$t->start(<<'END');
mds_depot %DEPOT%;
log_format actions '$status [$mds_action]';
log_format decision '$request_uri $mds_serial $mds_action $mds_version $mds_reason';
server {
    listen %LISTEN%;
    location = /check  { mds_check; access_log %DIR%/access.log actions;
                         add_header X-Action $mds_action; }
    location /files/   { mds_files; }
    location /cached/  { mds_files; open_file_cache max=10;
                         open_file_cache_errors on; }

    access_log %DIR%/redirect.log decision;
    log_not_found off;
    location = /refused { mds_check; error_page 400 /page; }
    location = /named   { mds_check; error_page 400 @page; }
    location = /missing { mds_resource hotfix; error_page 404 /page; }
    location = /shown   { mds_resource hotfix; error_page 404 = /shown2; }
    location = /shown2  { mds_resource hotfix 2; error_page 404 /page; }
    location = /page    { return 200 page; }
    location @page      { return 200 page; }
    location = /inside  { auth_request /refused2; error_page 403 /page; }
    location = /refused2 { mds_check; error_page 400 =403 /denied; }
    location = /denied  { return 403; }
}
END

# --- $mds_action

my ($install, $none, $rollback) = ({ kind => 'hotfix' }, { kind => 'none' },
    { kind => 'hotfix', version => '2' });

my @batches = (
    [ 'install', $install ],
    [ 'none,install,error,rollback', $none, $install, {}, $rollback ],
    [ join(',', ('rollback') x 32), ($rollback) x 32 ],
    [ join(',', ('rollback') x 32, '...'), ($rollback) x 33 ],
    [ join(',', ('none') x 32, '...'), ($none) x 256 ],
);
for my $batch (@batches) {
    my ($actions, @resources) = @$batch;
    my $body = $JSON->encode({ app => 'a', resources => \@resources });
    my $r = $t->raw("POST /check HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body");
    is($r->header('X-Action'), $actions, @resources . ' resources');
    ok($t->wait_for(sub { $t->read('access.log') =~ /^200 \[\Q$actions\E\]$/m }),
        '... and in the log');
}
is($t->get('/check?app=a&kind=hotfix')->header('X-Action'), 'install', 'one by GET');

# --- after an internal redirect

sub line {
    my ($target) = @_;
    my $found;
    $t->get($target);
    $t->wait_for(sub { ($found) = $t->read('redirect.log') =~ /^\Q$target\E (.*)$/m });
    return $found;
}

my $serial = $t->get('/check?app=a&kind=hotfix')->header('MDS-Serial');
is(line('/refused?app=a'), "$serial - - -", 'error_page: the log has the serial');
is(line('/named?app=a'), "$serial - - -", '... behind a named location, too');
is(line('/missing?app=a'), "$serial install 1 all",
    'mds_resource: a page that is missing leaves the decision');
is(line('/shown?app=a'), "$serial none - unknown", '... until another is made');
is(line('/inside?app=a'), '- - - -', 'a subrequest decides for itself alone');

# --- the error log

my $files = $t->depot_dir . '/files';
my @names = map { sha256_hex("package $_") } 1, 2;

sub errors {
    my ($pattern) = @_;
    return scalar grep { /\[(?:error|crit)\]/ && /$pattern/ }
        split /\n/, $t->error_log;
}

is($t->get("/files/$names[0]")->status, 200, 'a file');
rename $files, "$files.away" or die "rename: $!";
is($t->get("/files/$_")->status, 503, 'no files at all: 503') for (@names) x 5;
is(errors(qr/open "\Q$files\E"/), 1, '... is one line');
is(scalar(() = $t->error_log =~ /\[info\].*open "\Q$files\E"/g), 9,
    '... and nine that are not kept');
rename "$files.away", $files or die "rename: $!";
is($t->get("/files/$names[0]")->status, 200, 'files again');

SKIP: {
    skip 'root reads all', 2 if $> == 0 && !getpwnam('www-data')
        && !getpwnam('nobody');
    chmod 0, map { "$files/$_" } @names;
    for my $at ('files', 'cached') {
        is($t->get("/$at/$_")->status, 503, "/$at/: what cannot be read: 503")
            for (@names) x 3;
    }
    is(errors(qr/failed to read a file in "\Q$files\E".*denied/), 1,
        '... is one line, whatever its name');
}

is($t->get("/files/$_" . 'f' x 63)->status, 404, 'no such file') for 0 .. 9;
is($t->get("/check?app=a&kind=$_&version=x")->status, 400, 'no version') for 0 .. 9;
is(errors(qr/./), 2, 'what clients do wrong is no error');

$t->finish;
