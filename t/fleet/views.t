#!/usr/bin/perl

# What commands show of the fleet where a database is named: windows, reports,
# halts, devices; and what they change there.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../cli/lib", "$FindBin::Bin/../nginx/lib";
use Test::More;

use Ctl ();
use Depot;
use Postgres;
use Schema;

my $pg = Postgres->new or plan skip_all => 'PostgreSQL is not installed (make deps-test)';
my $d = Depot->new;
my $uri = $pg->uri;
my $schema = "$FindBin::Bin/../../docs/schema";

$d->must('publish', $d->put('v2', 'v2'), qw(--app a --kind upgrade --platform p --version 2));
$d->must(qw(release a w --kind upgrade --platform p --version 2 --window 3 --until 2096-12-01T00:00:00Z));
is((Ctl::ctl('database', 'init', $uri))[0], 0, 'the tables are made');
$pg->sql(q{
    select mds.admit(array_fill('a'::text, array[4]), array_fill('w'::text, array[4]),
        array['d1', 'd2', 'd3', 'd4'], array_fill(3::bigint, array[4]),
        array_fill(9999999999999, array[4]));
    select mds.write_reports(array['a', 'a'], array['w', 'w'], array[1, 2],
        array[1, 2]::smallint[], array[true, true], array[2, 2], array[1, 1],
        array[9999999999999, 9999999999999], array['', 'no room']);
    select mds.write_devices(array['a', 'a', 'a'], array['d1', 'd2', 'd3'], array['u', 'u', ''],
        array['p', 'p', 'p'], array['2', '1', '2'], array[1000, 2000, 3000],
        array[false, false, false]);
});

sub release_of { return $_[0]{apps}[0]{releases}[0] }
sub fits {
    my ($name, $facts) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [ Schema->new("$schema/$name.json")->errors($facts) ], [], "... by $name.json";
}

my $alone = $d->asks('status');
is release_of($alone)->{window}{admitted}, 0, 'the depot has admitted nobody';
my $fleet = $d->asks('status', '--database', $uri);
fits('status', $fleet);
my $release = release_of($fleet);
is $release->{window}{admitted}, 3, 'the fleet has';
is $release->{window}{closed}, 'full', '... all that it may';
is $release->{reports}{failed}, 1, 'its devices have reported';
is_deeply $release->{reports}{details}, [ { text => 'no room', count => 1 } ], '... why';
is $release->{halted}{failures}, 1, '... and the release is halted';
{
    local $ENV{MDS_DATABASE} = $uri;
    is release_of($d->asks('status'))->{window}{admitted}, 3, '$MDS_DATABASE names the database, too';
}

my $versions = $d->asks('versions', 'a', '--database', $uri);
fits('versions', $versions);
is_deeply [ map { "$_->{version} $_->{devices}" } @{ $versions->{installed} } ], [ '1 1', '2 2' ],
    'the versions of the fleet';
my $devices = $d->asks('devices', 'a', 'u', '--database', $uri);
fits('devices', $devices);
is_deeply [ map { $_->{device} } @$devices ], [ qw(d1 d2) ], 'the devices of a user, on all edges';
is_deeply $d->asks(qw(devices a u)), [], '... of which this depot knows none';
is $d->asks('devices', 'a', '--forget', 'u', '--dry-run', '--database', $uri)->{forgotten}, 2,
    'a dry run counts them';
is $d->asks('devices', 'a', '--forget', 'u', '--database', $uri)->{forgotten}, 2, 'they are forgotten';
is_deeply $d->asks('devices', 'a', 'u', '--database', $uri), [], '... in the fleet';

my $secret = $uri =~ s/mds@/mds:secret@/r;
ok $d->asks('resume', 'a', 'w', '--database', "$secret&password=secret", '--dry-run')
    ->{halt_ended}, 'resume --dry-run: the halt would end';
my $resumed = $d->asks('resume', 'a', 'w', '--database', "$secret&password=secret");
ok $resumed->{halt_ended}, 'the halt is ended in the fleet';
is $pg->sql('select halted, events from mds.tallies'), 'f|{0,0,0,0,0}', '... and counted anew';
unlike $d->must('log'), qr/secret/, 'the log has no password';
$d->refuses(qr/connection to server .* failed/, 'status', '--database', 'postgresql:///x?host=/nowhere');
$d->refuses(qr/is not a valid URI/, 'versions', 'a', '--database', 'postgresql://%gg');

done_testing;
