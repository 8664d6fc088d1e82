#!/usr/bin/perl

# remove: an app, a release, a list or a package goes once nothing needs it;
# what is needed stays, and the message names what needs it. Every removal can
# be reverted.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;

# Every removal is reverted, twice: where there is memory, in memory.
my ($memory) = grep { -d && -w } '/dev/shm';
my $dir  = tempdir(CLEANUP => 1, defined $memory ? (DIR => $memory) : ());
my $d    = Depot->new(dir => $dir);
my $true = JSON::PP::true;
my @fix  = qw(--kind hotfix --version);
my $soon = '2096-01-01T00:00:00Z';
$d->put("v$_", "version $_") for 1 .. 5;
$d->put('users', "alice\nbob\n");

sub shape {
    my ($app) = @_;
    my $document = $d->asks('export', $app);
    delete $document->{serial};
    return JSON::PP->new->canonical->pretty->encode($document);
}

# Undoes the last change: the app is what it was before.
sub undone {
    my ($app, $before, $name) = @_;
    local $d->{key};
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $d->must('revert', $d->serial);
    is shape($app), $before, "$name: can be reverted";
    $d->must('revert', $d->serial);
}

sub removes {
    my ($app, $lines, @what) = @_;
    my $before = shape($app);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    {
        local $d->{key};
        is $d->does('remove', @what), sprintf("serial %d\n", $d->serial)
            . join('', map { "  - $_\n" } @$lines), "@what: says what is gone";
    }
    undone($app, $before, "@what");
}

# --- a release: only once it is over

$d->must('publish', "$d->{dir}/v$_", qw(--app a), @fix, $_) for 1 .. 3;
$d->must(qw(list add a staff alice));
$d->must(qw(list add a crew bob));
$d->must('release', 'a', "r$_", @fix, $_, '--all', '--except', 'staff')
    for 1 .. 3;

$d->refuses('release "r1" is running: .*`mdsctl end a r1`', qw(remove release a r1));
$d->must(qw(pause a r1));
$d->refuses('release "r1" is paused: .*`mdsctl end a r1`', qw(remove release a r1));
$d->must(qw(resume a r1));
$d->refuses('no release "r9"', qw(remove release a r9));

# Devices with 2 go back to 1 by r1, though that has ended.
$d->must(qw(end a r3));
removes('a', ['release r3'], qw(release a r3));
$d->must(qw(rollback a r2));
$d->must(qw(end a r1));
$d->refuses('release "r1" is needed by release "r2" \(rolled back, its devices go back to this one\)',
    qw(remove release a r1));
is $d->decides(qw(app=a kind=hotfix version=2))->{version}, '1',
    'who has 2 goes back to 1';
removes('a', ['release r2'], qw(release a r2));

# The id can be used again.
$d->must('release', 'a', 'r2', @fix, 2, '--list', 'crew');
is $d->decides(qw(app=a kind=hotfix user=bob))->{release}, 'r2',
    'an id that was removed is free again';

# --- a list: not while a release names it, whatever its state

$d->refuses('list "crew" is needed by release "r2" \(running\)',
    qw(remove list a crew));
$d->refuses('list "staff" is needed by release "r1" \(ended, in except\)',
    qw(remove list a staff));
$d->refuses('no list "staf" of app "a"; lists: staff, crew; did you mean staff\?',
    qw(remove list a staf));
removes('a', ['release r1'], qw(release a r1));
removes('a', ['list staff', 'external staff'], qw(list a staff));
like $d->must(qw(list show a)), qr/\Acrew: [^\n]*\n\z/, 'the other one stays';
$d->must(qw(list add a staff carol));
is $d->must(qw(list show a staff)), "carol\n", 'one of that name begins anew';

# --- a package

$d->refuses('package hotfix 2 is needed by release "r2" \(running\)',
    qw(remove package a), @fix, 2);
$d->refuses('there is no package hotfix 9; packages of it: 1, 2, 3$',
    qw(remove package a), @fix, 9);
$d->refuses('there is no package hotfix n 1$',
    qw(remove package a --name n), @fix, 1);
$d->misused('--version: "x" is not a version', qw(remove package a), @fix, 'x');
$d->refuses('there is no package hotfix 3\+7; packages of it: 1, 2, 3',
    qw(remove package a), @fix, '3+7');
removes('a', ['package hotfix 3'], qw(package a), @fix, '3.0');
is join(' ', map { $_->{version} } @{ $d->asks('export', 'a')->{packages} }),
    '1 2', 'the others stay';
$d->misused('--kind is missing', qw(remove package a --version 1));
$d->misused('--version is missing', qw(remove package a --kind hotfix));
$d->misused('argument is missing', qw(remove package --kind k --version 1));
$d->misused('command is missing', 'remove');

# What a version is for: one platform's, or all that there are.
$d->must('publish', "$d->{dir}/v$_->[1]", '--app', 'a', '--platform', $_->[0],
    qw(--kind bundle --name b --version 1.0))
    for ['ios', 4], ['android', 5];
$d->must('publish', "$d->{dir}/v1", qw(--app a --kind bundle --name b --platform
    ios --channel mi --version 1.0));
$d->refuses('there is no package bundle b 1\.0 for web; packages of it:'
    . ' 1\.0 for ios, 1\.0 for android, 1\.0 for ios of channel mi',
    qw(remove package a --kind bundle --name b --platform web --version 1.0));
removes('a', ['package bundle b 1.0 ios mi'], qw(package a --kind bundle --name b
    --channel mi --version 1.0));
$d->must(qw(release a b --kind bundle --name b --platform ios --version 1.0
    --all));
removes('a', ['package bundle b 1.0 android'], qw(package a --kind bundle
    --name b --platform android --version 1.0));
$d->refuses('package bundle b 1\.0 is needed by release "b"', qw(remove package
    a --kind bundle --name b --version 1.0));

# Of several, one that is needed keeps them all.
$d->must('publish', "$d->{dir}/v5", qw(--app a --kind bundle --name b --platform
    web --version 1.0));
$d->refuses('is needed by release "b"', qw(remove package a --kind bundle --name
    b --version 1.0));
$d->must(qw(end a b));
$d->must(qw(remove release a b));
removes('a', ['package bundle b 1.0 ios', 'package bundle b 1.0 web'],
    qw(package a --kind bundle --name b --version 1.0));

# Differences by name, force_full, and a message.
my %document = (app => 'm', packages => [ map { { kind => 'upgrade',
    platform => 'android', version => "$_", file => "v$_" } } 1 .. 4 ],
    releases => [ { id => 'm4', kind => 'upgrade', platform => 'android',
        version => '4', audience => { percent => 50 },
        delta => { force_full => ['2.0'] } } ]);
$document{packages}[3]{deltas} = [ { from => '1' } ];
$d->put_json('m.json', \%document);
$d->must('apply', "$d->{dir}/m.json");
$d->must('message', 'push', 'm', '--users', "$d->{dir}/users", '--to',
    'android=3', '--until', $soon);
my @up = qw(remove package m --kind upgrade --version);
$d->refuses('package upgrade 1 is needed by the deltas of version 4', @up, 1);
$d->refuses('package upgrade 2 is needed by release "m4" \(running, in force_full\)',
    @up, 2);
$d->refuses('package upgrade 3 is needed by message 1', @up, 3);
$d->refuses('package upgrade 4 is needed by release "m4" \(running\)', @up, 4);
$d->must(qw(message withdraw m 1));
removes('m', ['package upgrade 3 android'], @up[1 .. $#up], 3);
$d->must(qw(end m m4));
removes('m', ['package upgrade 2 android'], @up[1 .. $#up], 2);

# --- an app: not while something of it is before anybody

$d->must('message', 'push', 'm', '--users', "$d->{dir}/users", '--to',
    'android=4', '--until', $soon);
$d->refuses('the app is needed by release "r2" \(running\)', qw(remove app a));
$d->refuses('the app is needed by message 2', qw(remove app m));
$d->must(qw(message withdraw m 2));
$d->refuses('there is no app "n"', qw(remove app n));

removes('m', ['app m', 'package upgrade 1 android', 'package upgrade 4 android',
    'release m4'], qw(app m));
is $d->decides(qw(app=m kind=upgrade platform=android))->{reason}, 'unknown',
    'nothing is known of it';
is_deeply [ map { $_->{app} } @{ $d->asks('status')->{apps} } ], ['a'],
    'status does not have it';
for my $command (['export', 'm'], ['versions', 'm'], ['list', 'show', 'm'],
    ['status', 'm'], ['remove', 'app', 'm'], ['list', 'remove', 'm', 'l', 'x'])
{
    $d->refuses('there is no app', @$command);
}
like $d->must('verify'), qr/no problems/, 'the depot is whole';
like $d->must(qw(log m)), qr/remove app m/, 'the log has it';

# Made again: by a document, which no step is in the way of; ids of messages go
# on, since users' marks are by id.
$d->must('apply', "$d->{dir}/m.json");
like $d->must('message', 'push', 'm', '--users', "$d->{dir}/users", '--to',
    'android=4', '--until', $soon), qr/message 3/,
    'an id of a message is never used twice';
is $d->decides(qw(app=m kind=upgrade platform=android))->{reason}, 'outside',
    'it is there again';
is_deeply [ map { $_->{app} } @{ $d->asks('status')->{apps} } ], ['a', 'm'],
    '... in status, too';
like $d->must('verify'), qr/no problems/, 'the depot is whole';

# The only app of a depot.
my $one = Depot->new(dir => $dir, depot => "$dir/one");
$one->must('publish', "$d->{dir}/v1", qw(--app only), @fix, 1);
$one->must(qw(remove app only));
like $one->must('verify'), qr/ 0 apps/, 'a depot without apps';
$one->must('publish', "$d->{dir}/v2", qw(--app other), @fix, 1);
is $one->decides(qw(app=other kind=hotfix))->{reason}, 'unknown',
    'goes on with another one';

# Files go by gc, once the log is not in the way of it.
$one = Depot->new(dir => $dir, depot => "$dir/two");
$one->must('publish', "$d->{dir}/v$_", qw(--app a), @fix, $_) for 1, 2;
$one->must(qw(remove package a), @fix, 1);
$one->must('list', 'add', 'a', 'l', "u$_") for 1 .. 101;
my $old = time - 7200;
utime $old, $old, glob "$one->{depot}/files/*";
my @all = $one->files('files');
$one->must(qw(gc --grace 0));
is 2 * (my @left = $one->files('files')), scalar @all,
    'gc takes what was removed: one of two packages, and what signs it';

done_testing;
