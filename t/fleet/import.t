#!/usr/bin/perl

# An edge that was alone moves to a shared database, with its windows, marks,
# reports and halts, and back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../nginx/lib";
use JSON::PP;
use Test::More;

use MDS;
use Postgres;
use Schema;

my $pg = Postgres->new or plan skip_all => 'PostgreSQL is not installed (make deps-test)';
my $t = MDS->new(workers => 2);
$t->depot;
$t->write("$_.apk", "package $_") for 1, 2;
$t->write('users', "user\n");
my %bundle = (kind => 'bundle', version => '1');
my %package = (kind => 'upgrade', platform => 'android');
$t->mdsctl('apply', $t->document({
    app => 'a',
    packages => [ (map { { %package, version => "$_", file => "$_.apk" } } 1, 2),
        { %bundle, name => 'b', file => '1.apk' } ],
    releases => [ { id => 'w', %package, version => '2',
        audience => { window => { count => 10, until => '2096-12-01T00:00:00Z' } } },
        { id => 'h', %bundle, name => 'b', audience => { all => JSON::PP::true },
          halt => { failure_percent => 50, min_reports => 3 } } ],
}));
$t->mdsctl(qw(message push a --to android=2 --until 7d --users), "$t->{dir}/users");
$t->start(<<'EOF');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /check    { mds_check; add_header Reason $mds_reason; }
    location = /messages { mds_messages; }
    location = /report   { mds_report; }
}
EOF

sub check { return $t->get("/check?app=a&kind=upgrade&platform=android&version=1&device=$_[0]") }

# An answer by a schema.
sub asks {
    my ($file, @command) = @_;
    my $facts = JSON::PP->new->utf8->decode($t->mdsctl('--json', @command));
    my $schema = Schema->new("$FindBin::Bin/../../docs/schema/$file.json");
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [ $schema->errors($facts) ], [], "@command[0, 1]: by $file.json";
    return $facts;
}

is check("d$_")->status, 200, "d$_ is let in by the edge alone" for 1 .. 6;
sub post {
    my ($path, $body) = @_;
    return $t->raw("POST $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\n" . 'Content-Length: ' . length($body)
        . "\r\n\r\n$body")->status;
}
is post('/messages', '{"app":"a","user":"user","read":[1]}'), 204, 'and a user marks a message';

for ([ r1 => 'installed' ], [ r2 => 'failed' ], [ r3 => 'downloaded' ], [ r3 => 'crashed' ]) {
    my ($device, $event) = @$_;
    $t->get("/check?app=a&kind=bundle&name=b&platform=android&app_version=1&device=$device");
    is post('/report', qq({"app":"a","device":"$device","release":"h","version":"1","event":"$event"})),
        204, "$device reports: $event";
}
ok $t->wait_for(sub { $t->get('/check?app=a&kind=bundle&name=b&platform=android&app_version=1&device=n')
    ->status == 204 }), '... which halts the release on the edge';

my ($code, undef, $err) = $t->mdsctl_any('database', 'import', $pg->uri);
is $code, 1, 'without tables nothing is imported';
like $err, qr/run "mdsctl database init"/, '... as it says';
is check('d7')->status, 200, '... and the edge is alone still';

like $t->mdsctl('database', 'init', $pg->uri, '--dry-run'), qr/would make the tables of version/,
    'init --dry-run';
is $pg->sql("select to_regclass('mds.about') is null"), 't', '... makes none';
$t->mdsctl('database', 'init', $pg->uri);
my $dry = asks('database-import', 'database', 'import', $pg->uri, '--dry-run');
is_deeply [ @$dry{qw(admissions marks reports)} ], [ 7, 1, 3 ], 'import --dry-run counts them';
is $pg->sql('select count(*) from mds.admissions'), 0, '... and stores none';
my $done = asks('database-import', 'database', 'import', $pg->uri);
is_deeply [ @$done{qw(admissions added marks reports)} ], [ 7, 7, 1, 3 ],
    'all that are in are stored, the marks, and the reports';
my $tally = 'select events, ends, halted, halted_ends, halted_failures from mds.tallies';
is $pg->sql($tally), '{1,1,1,1,0}|{1,1,1,0}|t|3|2', '... by event and end, and the halt';
is $pg->sql("select string_agg(id, ',' order by id collate \"C\") from mds.admissions"),
    join(',', map { "d$_" } 1 .. 7), '... each of them';
is $pg->sql('select app, user_name, read from mds.marks'), 'a|user|{[1,2)}', '... as they are';
$done = asks('database-import', 'database', 'import', $pg->uri);
is_deeply [ @$done{qw(admissions added)} ], [ 7, 0 ], 'to import again adds nothing';
is $pg->sql($tally), '{1,1,1,1,0}|{1,1,1,0}|t|3|2', '... and counts no report again';
$pg->sql("select mds.resume('a', 'h')");
$t->mdsctl('database', 'import', $pg->uri);
is $pg->sql($tally), '{0,0,0,0,0}|{0,0,0,0}|f|3|2', '... nor those from before the end of a halt';

is check('d1')->status, 200, 'who was in is in, without an agent';
my $new = check('d8');
is $new->status, 204, '... and nobody else comes in';
is $new->header('Reason'), 'window_unknown', '... for nobody knows whether they may';
is $pg->sql('select count(*) from mds.admissions'), 7, '... anywhere';

(undef, undef, $err) = $t->mdsctl_any(qw(devices a --forget d1));
like $err, qr/the database that this edge shares still has them: give --database/,
    'an edge that forgets a device says that the database does not';
($code, undef, $err) = $t->mdsctl_any(qw(devices a --forget d1 --database), $pg->uri);
is $err, '', '... unless it is told to';

my $second = Postgres->new;
$t->mdsctl('database', 'init', $second->uri);
($code, undef, $err) = $t->mdsctl_any('database', 'import', $second->uri);
is $code, 1, 'an edge shares one database';
like $err, qr/shares another database already/, '... as it says';
is $second->sql('select count(*) from mds.admissions'), 0, '... and tells others nothing';

($code, undef, $err) = $t->mdsctl_any('database', 'leave');
is $code, 1, 'an edge does not leave while its own entries are not stored';
like $err, qr/[1-9]\d* of its own are not stored yet/, '... as it says';
asks('database-leave', 'database', 'leave', '--force', '--dry-run');
is check('d8')->status, 204, 'leave --dry-run changes nothing';
cmp_ok asks('database-leave', 'database', 'leave', '--force')->{dropped}, '>', 0,
    '... unless it is forced to';
ok $t->wait_for(sub { check('d8')->status == 200 }), 'workers notice, and the edge lets in alone';
is check($_)->status, 200, "$_ is let in by the edge alone again" for qw(d1 d9 d10);
is check('d11')->status, 204, '... up to its limit';
is asks('database-leave', 'database', 'leave')->{dropped}, 0, 'to leave again changes nothing';

$t->finish;
