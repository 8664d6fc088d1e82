#!/usr/bin/perl

# The tables that edges share, in a PostgreSQL server of the test's own: what
# the commands say, and what the functions promise, also to clients that are
# killed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../cli/lib",
    "$FindBin::Bin/../nginx/lib";
use JSON::PP;
use List::Util qw(shuffle);
use Test::More;
use Time::HiRes qw(sleep time);

use Ctl ();
use Postgres;
use Schema;

my $pg = Postgres->new
    or plan skip_all => 'PostgreSQL is not installed (make deps-test)';
my $uri  = $pg->uri;
my $with = $uri =~ s/mds@/mds:secret@/r;
my $name = "postgres on $pg->{dir}";

# --- the commands

sub says {
    my ($words, $code, @command) = @_;
    my ($got, $out, $err) = Ctl::ctl(@command);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $got, $code, "@command[0, 1]: exit $code";
    like "$out$err", $words, '... and says so';
    unlike "$out$err", qr/secret/, '... without the password';
}

sub facts {
    my ($file, @command) = @_;
    my ($code, $out, $err) = Ctl::ctl('--json', @command);
    my $facts = JSON::PP->new->utf8->decode($out);
    my $schema = Schema->new("$FindBin::Bin/../../docs/schema/$file.json");
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [ $schema->errors($facts) ], [], "@command[0, 1]: by $file.json";
    return $facts;
}

says(qr/its tables do not exist: run "mdsctl database init"/, 1, 'database', 'status', $with);
says(qr/^\Q$name\E: made the tables of version 2$/m, 0, 'database', 'init', $with);
says(qr/^\Q$name\E: the tables have version 2 already$/m, 0, 'database', 'init', $with);
is facts('database-init', 'database', 'init', $uri)->{result}, 'unchanged', '... also as JSON';
$pg->sql('update mds.about set version = 99');
for my $command (qw(init status)) {
    says(qr/its tables have version 99, newer than 2, which this mdsctl knows/, 1,
        'database', $command, $with);
}
$pg->sql('update mds.about set version = 2');
says(qr/is not a valid URI/, 1, 'database', 'init', 'postgresql://u:secret@h/%gh');
says(qr/connection to server .* failed/, 1, 'database', 'init',
    'postgresql://u:secret@/x?host=/nowhere&password=secret');

# --- windows

my $soon = '9999999999999';

sub admit {
    my ($limit, $until, @ids) = @_;
    my $n = @ids;
    return $pg->sql("select mds.admit(array_fill('a'::text, array[$n]),"
        . " array_fill('w'::text, array[$n]), array["
        . join(',', map { "'$_'" } @ids) . "]::text[],"
        . " array_fill(${limit}::bigint, array[$n]), array_fill(${until}::bigint, array[$n]))");
}

is admit(2, $soon, qw(x y z)), '{1,1,3}', 'a window lets in as many as it may, in order';
is admit(2, $soon, qw(z y)), '{3,1}', '... and says the same again';
is admit(2, 0, qw(x n)), '{1,3}', 'who is in stays in after its time';
is admit(3, 0, 'n'), '{2}', '... and nobody else comes in';
is admit(4, $soon, qw(n n m o)), '{1,1,1,3}', 'a raised limit lets in more, each once';
is admit(1, $soon, qw(x o)), '{1,3}', 'a lowered one evicts nobody';
is $pg->sql("select mds.import_admissions('a', 'w', array['o', 'x', 'o'], array[5, 6, 7])"), 1,
    'an import takes over who is not in yet, whatever the limit is';
is admit(4, $soon, 'o'), '{1}', '... who is in from then on';

my @feed = map { [ split /\|/ ] } split /\n/,
    $pg->sql('select number, type, detail from mds.read_entries(0, 100)');
is_deeply [ map { $_->[2] } @feed ], [ qw(x y n m o), undef ],
    'the feed has each admission, and last that the window is full';
is $feed[-1][1], 17, '... by its type';
is_deeply [ map { $_->[0] } @feed ], [ sort { $a <=> $b } map { $_->[0] } @feed ],
    '... in the order of their numbers';
is $pg->sql("select string_agg(detail, ',') from mds.read_entries($feed[1][0], 2)"), 'n,m',
    '... from any place on';

# --- marks

sub mark {
    my ($through, $read, $oldest) = (@_, 0);
    $pg->sql("select mds.write_marks(array['a'], array['u'], array[${through}::bigint],"
        . " array[${oldest}::bigint], array['$read'])");
    return $pg->sql("select delete_through, read, number from mds.marks");
}

my $first = mark(3, '{[2,4],[7,7]}');
like $first, qr/^3\|\{\[4,5\),\[7,8\)\}\|/, 'marks keep what is read above the deletion point';
is mark(2, '{[4,4]}'), $first, '... and do not change by what is known: no new number';
like mark(0, '{[5,6]}'), qr/^3\|\{\[4,8\)\}\|/, '... what was read stays read';
like mark(5, '{}'), qr/^5\|\{\[6,8\)\}\|/, '... and the deletion point rises';
like mark(0, '{[9,9]}', 8), qr/^5\|\{\[9,10\)\}\|/, '... marks of messages that are gone are not kept';
is $pg->sql('select count(*) from mds.read_entries(0, 100) where type = 1'), 1,
    'the feed has the last state alone';

# --- reports, and halts

sub report {
    my (@reports) = @_;    # device, event, instructed, at
    my $column = sub { my ($i, $type) = @_;
        "array[" . join(',', map { "'$_->[$i]'" } @reports) . "]::${type}[]" };
    my $n = @reports;
    my $fill = sub { "array_fill('$_[0]'::$_[1], array[$n])" };
    $pg->sql('select mds.write_reports(' . join(',', $fill->('a', 'text'), $fill->('r', 'text'),
        $column->(0, 'bigint'), $column->(1, 'smallint'), $column->(2, 'boolean'),
        $fill->(4, 'bigint'), $fill->(500000, 'bigint'), $column->(3, 'bigint'),
        $fill->('why', 'text')) . ')');
    return $pg->sql('select events, ends, halted from mds.tallies');
}

my @two = ([ 1, 1, 't', 10 ], [ 2, 2, 't', 10 ]);
is report(@two), '{0,1,1,0,0}|{1,1,0,0}|f', 'reports are counted by event, and by end';
is report(@two), '{0,1,1,0,0}|{1,1,0,0}|f', '... once, however often they are sent';
is report([ 1, 3, 't', 10 ]), '{0,1,1,1,0}|{0,1,1,0}|f', 'a device counts by its last end';
is report([ 3, 2, 'f', 10 ]), '{0,1,2,1,0}|{0,1,1,0}|f', 'who was not instructed does not count';
is report([ 4, 1, 't', 10 ], [ 5, 1, 't', 10 ]), '{0,3,2,1,0}|{2,1,1,0}|t',
    'the limit halts: 2 of 4';
is $pg->sql("select x, y from mds.read_entries(0, 100) where type = 18"), '4|2',
    '... and the feed says by what';
is $pg->sql("select mds.resume('a', 'r'), mds.resume('a', 'r')"), 't|f', 'it is resumed once';
is report([ 6, 2, 't', 10 ]), '{0,0,0,0,0}|{0,0,0,0}|f', 'reports from before do not count';
is report([ 6, 2, 't', $soon ]), '{0,0,1,0,0}|{0,1,0,0}|f', '... later ones do';

# --- devices

sub device {
    my ($user, $version, $seen, $forgotten) = (@_, 'f');
    $pg->sql("select mds.write_devices(array['a'], array['d'], array['$user'], array['p'],"
        . " array['$version'], array[$seen], array['$forgotten'::boolean])");
    return $pg->sql('select user_name, version, forgotten from mds.devices');
}

is device('u', '1', 10), 'u|1|f', 'a device is known';
is device('u', '2', 5), 'u|1|f', '... by what was said last';
is device('u', '2', 20), 'u|2|f', '... whenever that comes';
is $pg->sql("select mds.forget('a', 'u')"), 1, 'it is forgotten by its user';
is device('u', '3', 30), '||t', '... and what was said before stays forgotten';
is device('v', '3', $soon), 'v|3|f', '... until it is seen again';


# What was forgotten is in the feed, by name, once.
sub forgotten { return $pg->sql("select string_agg(name, ' ' order by name) from mds.forgotten") }
sub write_device {
    my ($device, $user, $seen) = @_;
    my @parameters = ("array['a']", "array['$device']", "array['$user']");
    $pg->sql('select mds.write_devices(' . join(',', @parameters, "array['p']", "array['1']",
        "array[$seen]", 'array[false]') . '), mds.forget_late(' . join(',', @parameters,
        "array[$seen]") . ')');
    return $pg->sql("select user_name from mds.devices where device = '$device'");
}

is forgotten(), 'd u', 'the fleet is told of the user, and of the device that it had';
is write_device('e', 'w', 20), 'w', 'another device';
is write_device('e', 'u', 30), '', '... that was of the user before it was forgotten, is forgotten';
is forgotten(), 'd e u', '... and edges that know it by another user are told its name';
my $entries = "select count(*), max(number) from mds.read_entries(0, 100) where type = 20";
my $told = $pg->sql($entries);
write_device('e', 'u', 40);
is $pg->sql($entries), $told, '... once';
is $pg->sql("select mds.forget('a', 'nobody')"), 0, 'who is not known';
is forgotten(), 'd e nobody u', '... may be known to an edge: that is told, too';
$pg->sql('update mds.forgotten set at = 0');
$pg->sql('select mds.expire_devices()');
is forgotten(), '', 'names that were forgotten are forgotten in the end';

my $number = $pg->sql('select number from mds.counter');
is $pg->sql("select mds.pass_position($number)"), 'f', 'an edge that is not ahead changes nothing';
is $pg->sql("select mds.pass_position($number + 5)"), 't', 'one that is ahead of a restored database does';
cmp_ok $pg->sql('select number from mds.counter'), '>', $number + 5, '... the feed goes on behind it';

# --- eight clients, killed and begun again

my $limit = 150;
my @ids   = map { "device-$_" } 1 .. 600;

# Asks for each id once, and notes those that were told yes.
sub client {
    my ($n) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid != 0;
    srand $n;
    my @mine = shuffle(@ids);
    open my $psql, '|-', "psql -X -q -A -t -h $pg->{dir} -U mds postgres >> $pg->{dir}/yes.$n 2>&1"
        or die "psql: $!";
    $psql->autoflush;
    while (my @some = splice @mine, 0, 7) {
        print $psql "select id from unnest(array[" . join(',', map { "'$_'" } @some)
            . "]) with ordinality u(id, n) join unnest(mds.admit(array_fill('a'::text, array[7]),"
            . "array_fill('big'::text, array[7]), array[" . join(',', map { "'$_'" } @some)
            . "], array_fill(${limit}::bigint, array[7]), array_fill($soon, array[7])))"
            . " with ordinality v(verdict, n) using (n) where verdict = 1;\n";
    }
    close $psql;
    POSIX::_exit(0);
}

my %client = map { client($_) => $_ } 1 .. 8;
for my $round (1 .. 4) {
    sleep 0.15;
    if ($round == 2) {
        $pg->kill9;
        $pg->start;
    }
    for my $pid ((sort { $a <=> $b } keys %client)[0 .. 1]) {
        my $n = delete $client{$pid};
        my ($backend) = split /\n/, $pg->sql('select pid from pg_stat_activity where usename ='
            . " 'mds' and pid <> pg_backend_pid() and query like '%admit%' limit 1");
        kill 'KILL', $pid, $backend && $round == 3 ? $backend : ();
        waitpid $pid, 0;
        $client{ client($n + 8 * $round) } = $n + 8 * $round;
    }
}
waitpid $_, 0 for keys %client;
for (my $end = time + 120; time < $end; sleep 0.1) {
    last if $pg->sql("select count(*) from pg_stat_activity where query like '%admit%'") <= 1;
}
waitpid client(1000), 0;

my %yes;
for my $file (glob "$pg->{dir}/yes.*") {
    $yes{$_}++ for grep { /^device-/ } split /\n/, Ctl::read_file($file);
}
is $pg->sql("select count(distinct id) from mds.admissions join mds.windows using (window_id)"
    . " where release = 'big'"), $limit, 'as many as the window has were let in';
is $pg->sql("select admitted from mds.windows where release = 'big'"), $limit, '... as it says';
is scalar(keys %yes), $limit, '... and so many have heard a yes';
is $pg->sql("select count(*) from mds.read_entries(0, 100000) where name = 'big' and type = 16"),
    $limit, '... each is in the feed';
my $facts = facts('database-status', 'database', 'status', $uri);
is((grep { $_->{release} eq 'big' } @{ $facts->{windows} })[0]{admitted}, $limit,
    'status shows the window');

# --- apps that were removed: the statements of docs/fleet.md

my ($delete) = Ctl::read_file("$FindBin::Bin/../../docs/fleet.md") =~ /```sql\n(begin;.*?)```/s;
$delete =~ s/com\.example\.old/a/g;
$pg->sql($delete);
is $pg->sql("select count(*) from mds.$_"), 0, "nothing of the app is left in $_"
    for qw(admissions windows reporters details tallies marks devices forgotten);
is $pg->sql('select count(*) from mds.read_entries(0, 100)'), 0, '... nor in the feed';

done_testing;
