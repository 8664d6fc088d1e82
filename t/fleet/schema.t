#!/usr/bin/perl

# Tables of an older version: what commands and agents say of them, and that
# `mdsctl database init` brings them to the current version, wholly or not at
# all, with what is in them. schema_1_later.sql has what was edited in place in
# version 1 after databases had been made by it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib", "$FindBin::Bin/../cli/lib";
use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(sleep time);

use Ctl ();
use EdgeAgent;
use Postgres;
use Worker;

my $pg = Postgres->new or plan skip_all => 'PostgreSQL is not installed (make deps-test)';
my $uri = $pg->uri;
my $dir = tempdir('mds-schema-XXXXXXXX', DIR => '/tmp', CLEANUP => 1);
my $folder = "$FindBin::Bin/../../mdsctl/database";
my @steps = map { Ctl::read_file($_) } sort glob "$folder/schema_*.sql";
my $last = @steps;
my $soon = 9_999_999_999_999;

is sha256_hex($steps[0]), 'ab2e111cec88c3c6f87262e1d374fbbcd392870915eeae96e7f063c94e5b84ed',
    'version 1 is as it was released: a change is the next version';

sub init { return Ctl::ctl('database', 'init', $uri, @_) }

sub until_true {
    my ($code) = @_;
    for (my $end = time + 60; time < $end; sleep 0.02) {
        my $value = $code->();
        return $value if $value;
    }
    return;
}

# The functions by name and text, and the columns and indexes of all tables.
sub functions {
    my (@names) = @_;
    my $which = @names ? 'and proname in (' . join(',', map { "'$_'" } @names) . ')' : '';
    return $pg->sql("select proname, md5(prosrc), provolatile, pg_get_function_arguments(oid) from pg_proc"
        . " where pronamespace = 'mds'::regnamespace $which order by 1, 4");
}
sub tables {
    return $pg->sql("select table_name, column_name, data_type, is_nullable, column_default from"
        . " information_schema.columns where table_schema = 'mds' order by 1, 2")
        . $pg->sql("select indexdef from pg_indexes where schemaname = 'mds' order by 1");
}

my @windows = qw(pass_position fill_window admit import_admissions);
my %old = (first => $steps[0], later => $steps[0]
    . Ctl::read_file("$FindBin::Bin/schema_1_later.sql"));
is((init())[0], 0, 'a database is made');
my ($functions, $tables) = (functions(), tables());
$pg->sql("drop schema mds cascade;\n$old{later}");
my $mended = functions(@windows);
is((() = $mended =~ /\n/g), 3, 'the functions of windows were mended in version 1');

for my $name (sort keys %old) {
    $pg->sql("drop schema mds cascade;\n$old{$name}");
    $pg->sql(<<"EOF");
select mds.admit(array_fill('a'::text, array[2]), array_fill('w'::text, array[2]),
    array['x', 'y'], array_fill(3::bigint, array[2]), array_fill($soon, array[2]));
select mds.write_marks(array['a'], array['u'], array[3], array[0], array['{[5,6]}']);
select mds.write_devices(array['a', 'a'], array['d', 'e'], array['u', 'v'], array['p', 'p'],
    array['1', '1'], array_fill(mds.now_ms() - 1, array[2]), array[false, false]);
select mds.forget('a', 'u');
EOF
    my ($code, undef, $err) = Ctl::ctl('database', 'status', $uri);
    is $code, 1, "$name: tables of version 1 are not used";
    like $err, qr/its tables have version 1, and $last is needed: run "mdsctl database init"/,
        '... as is said, with what helps';
    my $agent = EdgeAgent->new("$dir/$name", $uri);
    my $worker = Worker->new($agent->socket);
    $worker->send_frame('hello', pack('N N a16 Q> C', 2, $$, "\0" x 16, 0, 1));
    ok until_true(sub { $agent->log =~ /its tables have version 1, and $last is needed/ }),
        'an agent says so in its log' or diag $agent->log;
    ok !$worker->await('welcome', 0), '... and lets no worker share';

    ($code, my $out) = init('--dry-run');
    like $out, qr/would upgrade the tables from version 1 to $last$/m, 'a dry run says what is to be done';
    is $pg->sql('select version from mds.about'), 1, '... and does nothing';
    my ($before, $fleet) = (functions() . tables(), $pg->sql('select fleet from mds.about'));
    $pg->sql('create function mds.read_entries(p_after bigint, p_count integer) returns integer'
        . ' language sql as $$ select 1 $$');
    is((init())[0], 1, 'an upgrade that fails at its end');
    $pg->sql('drop function mds.read_entries');
    is functions() . tables(), $before, '... changes nothing';
    is $pg->sql('select version from mds.about'), 1, '... and the version is as it was';

    ($code, $out) = init();
    is $code, 0, 'an upgrade that does not fail';
    like $out, qr/upgraded the tables from version 1 to $last$/m, '... says what was done';
    is functions(), $functions, '... the functions are those of a new database';
    is tables(), $tables, '... and so are tables and indexes';
    is functions(@windows), $mended, '... windows are as they were mended';
    is $pg->sql('select fleet from mds.about'), $fleet, '... it is the same fleet';
    like((init())[1], qr/have version $last already/, '... and once more changes nothing');
    my $welcome = until_true(sub { $worker->await('welcome', 1) });
    ok $welcome, 'the agent uses the tables, and welcomes the worker that waits';

    my $verdicts;
    until_true(sub { ($verdicts = $worker->admit(map { [ "a\0w", $_, 3, $soon ] } qw(y z x v)))
        !~ /4/ }) if $welcome;
    is $verdicts, '1113', 'who was admitted is in, and the window has as many places as it had';
    is $pg->sql('select admitted from mds.windows'), 3, '... which it counts';
    is $pg->sql('select delete_through, read from mds.marks'), '3|{[5,7)}', 'marks are there';
    is $pg->sql("select device from mds.devices where not forgotten"), 'e', 'and devices';
    is $pg->sql('select detail, name, type from mds.read_entries(0, 100) where type in (16, 20)'
        . ' order by number'), "x|w|16\ny|w|16\n|d|20\nz|w|16",
        'who was forgotten before is in the feed, which goes on';

    # Tables that change while agents run.
    $pg->sql('update mds.about set version = 99');
    ok until_true(sub { $agent->log =~ /its tables have version 99, newer than $last/ }),
        'an agent that runs notices that the tables are of a newer version' or diag $agent->log;
    ok until_true(sub {
        my $frame = $worker->await('database', 1);
        return $frame && !unpack 'C', $frame->[2];
    }), '... and does not use them any more';
    is $agent->stop, 0, '... it ends in order';
}

done_testing;
