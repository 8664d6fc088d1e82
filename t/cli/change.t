#!/usr/bin/perl

# What a change must not do to what is there: other bytes for a version, an
# ended release that runs, a second build of one version; and what nobody can
# mean. Whatever is in a depot can be exported and applied again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;
use Pack;

my ($PAST, $LATER) = ('2020-01-01T00:00:00Z', '2096-01-01T00:00:00Z');
my $d = Depot->new(user => 'root');

sub package_of { return { kind => 'upgrade', platform => 'android', @_ } }

sub release_of {
    return { id => 'r', kind => 'upgrade', platform => 'android',
        version => '1.0', audience => { all => JSON::PP::true }, @_ };
}

sub document {
    my ($app, %more) = @_;
    return $d->put_json("$app.json", { app => $app, packages => [
        package_of(version => '1.0', file => 'one') ],
        releases => [release_of()], %more });
}

sub warned { [$_[0] =~ /^mdsctl: warning: (.*)$/mg] }

# Applies it; hands back the warnings.
sub warns {
    my ($code, undef, $err) = $d->run('apply', @_);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $code, 0, 'is done' or diag $err;
    return warned($err);
}

sub exported_is_no_change {
    my ($app) = @_;
    my ($code, $out, $err) = $d->run('apply',
        $d->put('export.json', $d->export($app)));
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    like "$code:$out", qr/^0:no change/, "$app: out and in is no change"
        or diag $err;
}

# --- the bytes of a version

$d->put('one', 'build one');
$d->put('other', 'build two');
$d->does('apply', document('bytes'));
my $sha = $d->asks(qw(export bytes))->{packages}[0]{sha256};
my $other = $d->asks('publish', "$d->{dir}/other", qw(--app x --new-app --kind upgrade
    --version 9))->{changes};
my ($other_sha) = map { $_->{after}{sha256} }
    grep { $_->{what} eq 'package' } @$other;

$d->put('one', 'build two');
my $words = '/packages/0/sha256: found other bytes .* for version 1\.0, which'
    . ' is published already';
$d->refuses($words, 'apply', document('bytes'));
$d->refuses($words, 'apply', document('bytes'), '--force');
$d->refuses($words, 'apply', document('bytes'), '--dry-run');
$d->refuses($words, 'apply', document('bytes', packages => [
    package_of(version => '1.0', sha256 => $other_sha) ]));
$d->refuses('/packages/0/sha256: ', 'apply', document('bytes', packages => [
    package_of(version => '1.0.0', sha256 => $other_sha,
        platform => ['android', 'ios']) ]));
$d->refuses('/packages/1/sha256: ', 'apply', document('bytes', packages => [
    package_of(version => '1.0', sha256 => $sha, platform => 'ios'),
    package_of(version => '1.0', sha256 => $other_sha) ]));
is_deeply warns(document('bytes', packages => [
    package_of(version => '1.0', sha256 => $sha),
    package_of(version => '1.0', sha256 => $other_sha, rules => [ {
        attribute => 'cpu', op => 'in', values => ['x86_64'] } ]) ])), [],
    'a build beside it, for other devices, is none of that';
is_deeply warns(document('bytes', packages => [
    package_of(version => '1.0', sha256 => $sha),
    package_of(version => '2.0', sha256 => $other_sha) ])), [],
    'nor is another version';
exported_is_no_change('bytes');

# A version of several builds: each device keeps the bytes that it had.
my @cpu = map { [ { attribute => 'cpu', op => 'in', values => [$_] } ] } qw(arm x86);
my @both = (platform => [qw(android ios)]);
my ($arm, $x86) = map { [ rules => $_ ] } @cpu;
for (
    [ 'a platform of two gets other bytes', [ [ $sha, @both ] ],
        [ [ $sha, platform => 'android' ], [ $other_sha, platform => 'ios' ] ] ],
    [ 'two files swapped', [ [$sha], [ $other_sha, @$arm ] ], [ [$other_sha], [ $sha, @$arm ] ] ],
    [ 'two files with rules swapped', [ [ $sha, @$arm ], [ $other_sha, @$x86 ] ],
        [ [ $other_sha, @$arm ], [ $sha, @$x86 ] ] ],
    [ 'a build in front', [ [$sha] ], [ [ $other_sha, @$arm ], [$sha] ] ],
) {
    my ($name, @forms) = @$_;
    my $app = 'builds-' . $name =~ tr/ /-/r;
    my ($before, $after) = map { my $form = $_; sub {
        document($app, releases => [], packages => [
            map { package_of(version => '1', sha256 => @$_) } @$form ]) } } @forms;
    $d->must('apply', $before->());
    $d->refuses('/packages/\d/sha256: found other bytes .* for version 1, which', 'apply',
        $after->());
    exported_is_no_change($app);
}
for (
    [ 'in front, for others by a rule', [ [ $sha, @$arm ] ],
        [ [ $other_sha, @$x86 ], [ $sha, @$arm ] ] ],
    [ 'the order alone', [ [$sha], [ $other_sha, @$arm ] ], [ [ $other_sha, @$arm ], [$sha] ] ],
    [ 'a channel of its own', [ [$sha] ], [ [$sha], [ $other_sha, channel => 'beta' ] ] ],
    [ 'the first left out', [ [ $sha, @$arm ], [$other_sha] ], [ [$other_sha] ] ],
    [ 'behind', [ [ $sha, @$arm ] ], [ [ $sha, @$arm ], [$other_sha] ] ],
    [ 'one platform of two left', [ [ $sha, @both ] ], [ [ $sha, platform => 'ios' ] ] ],
    [ 'platforms apart', [ [ $sha, @both ] ],
        [ [ $sha, platform => 'ios' ], [ $sha, platform => 'android' ] ] ],
) {
    my ($name, @forms) = @$_;
    my $app = 'kept-' . $name =~ s/\W+/-/gr;
    $d->must('apply', document($app, releases => [], packages => [
        map { package_of(version => '1', sha256 => @$_) } @$_ ])) for @forms;
}
$d->refuses('/packages/1/version: found a second file for version 1\\.0 that no device would get',
    'apply', document('twice', packages => [ package_of(version => '1', sha256 => $sha),
        package_of(version => '1.0', sha256 => $other_sha) ]));

# --- what is final

for my $state (qw(ended rolled_back)) {
    my %of = (kind => 'sdk', name => 'core', version => '1.0');
    my $app = "final-$state";
    my @packages = (packages => [
        { %of, file => 'one', platform => 'android' } ]);
    my $doc = sub { document($app, @packages, releases => [
        release_of(%of, @_) ]) };

    $d->must('apply', $doc->(state => $state));
    for my $wrong ('running', 'paused', $state eq 'ended' ? () : 'ended') {
        $d->refuses("/releases/0/state: found \"$wrong\"; release \"r\" is"
            . " $state, which is final", 'apply', $doc->(state => $wrong), @$_)
            for [], ['--force'];
    }
    $d->refuses('/releases/0/state: found "running"', 'apply', $doc->());
    exported_is_no_change($app);
    $d->must('apply', $doc->(state => 'rolled_back'));
}

$d->must('apply', document('undone'));
$d->must(qw(end undone r));
$d->must('revert', $d->serial);
is $d->asks(qw(status undone))->{apps}[0]{releases}[0]{state}, 'running',
    'revert undoes what ended it';
$d->must(qw(end undone r));
$d->must('apply', document('undone', releases => [
    release_of(id => 'r2') ]), '--force');

# --- build metadata

$d->put('five', 'build 5');
$d->put('six', 'build 6');
my @of = qw(--new-app --app build --kind upgrade --platform android --version);
$d->does('publish', "$d->{dir}/five", @of, '1.0.0+5');
$words = 'found 1\.0\.0\+6, and the package that is there is 1\.0\.0\+5';
$d->refuses($words, 'publish', "$d->{dir}/$_", @of, '1.0.0+6')
    for qw(five six);
$d->refuses('found 1\.0\.0, and the package that is there is 1\.0\.0\+5',
    'publish', "$d->{dir}/five", @of, '1.0.0');
$d->refuses($words, qw(release build r --kind upgrade --platform android
    --version 1.0.0+6 --all));
$d->refuses('the message names 1\.0\+6, and the package that is there is'
    . ' 1\.0\.0\+5', qw(message push build --users), $d->put('ids', "u\n"),
    qw(--to android=1.0+6 --until), $LATER);
$d->refuses("/packages/0/version: $words", 'apply', document('build',
    packages => [ package_of(version => '1.0.0+6', file => 'five') ],
    releases => []), '--force');
$d->refuses('/packages/1/version: found 1\.0\+6', 'apply',
    document('fresh', packages => [
        package_of(version => '1.0+6', file => 'six', platform => 'ios'),
        package_of(version => '1.0+6', file => 'six'),
        package_of(version => '1.0+5', file => 'five') ], releases => []));
$d->refuses('/packages/1/deltas/0/from: found 1\.0\+6, and the package is'
    . ' 1\.0\+5', 'apply', document('fresh', packages => [
        package_of(version => '1.0+5', file => 'five'),
        package_of(version => '2.0', file => 'six',
            deltas => [ { from => '1.0+6' } ]) ], releases => []));
$d->does('publish', "$d->{dir}/six", '--app', 'build', qw(--new-app --kind upgrade
    --platform ios --version 1.0.0+6));
$d->does(qw(release build r --kind upgrade --platform android --version
    1.0.0+5 --all));
$d->does(qw(release build both --kind upgrade --version 1.0.0 --all));
$d->refuses('/?version: found 1\.0\.0\+5, and the package that is there is'
    . ' 1\.0\.0\+6', qw(release build both5 --kind upgrade --version 1.0.0+5
    --all));
exported_is_no_change('build');

# --- what nobody can mean

$d->refuses('/releases/0/end: found 2020-01-01T00:00:00Z; want a time after'
    . ' "start"', 'apply', document('times', releases => [
        release_of(start => $LATER, end => $PAST) ]));
$d->refuses('/releases/0/end: ', 'apply', document('times', releases => [
    release_of(start => $LATER, end => $LATER) ]));

my $over = document('times', releases => [ release_of(end => $PAST),
    release_of(id => 'w', audience => { window => { count => 5,
        until => $PAST } }),
    release_of(id => 'e', state => 'ended', end => $PAST) ]);
my $both = [ "release \"r\": its end $PAST is over: it takes no new devices",
    "release \"w\": its window's until $PAST is over: it takes no new devices" ];
is_deeply warns($over, '--dry-run'), $both, 'times that are over, dry';
is_deeply warns($over), $both, 'times that are over are warned of';
is_deeply warns($over), $both, 'and again';
is_deeply $d->asks('apply', $over)->{warnings}, $both, 'in JSON';
exported_is_no_change('times');
is_deeply warned(($d->run(qw(list add times l u)))[2]), [],
    'other steps say nothing of it';
$d->misused('found 2020-01-01T00:00:00Z, which is over', qw(release times x
    --kind upgrade --platform android --version 1.0 --window 5 --until), $PAST);
$d->misused('which is over', qw(promote times r --window 5 --until), $PAST);

my $all = document('all', releases => [ release_of(audience => {
    all => JSON::PP::true, percent => 5, window => { count => 1 } }) ]);
is_deeply warns($all), ['release "r": "all" is everybody, and the rest of its'
    . ' audience (percent, window) says nothing'], '"all" beside others';
$d->misused('--all includes everybody; want it without --percent', qw(promote all r
    --all --percent 5));
$d->misused('--all includes everybody; want it without --list', qw(promote all r
    --all --list l));
$d->does(qw(list add all l u));
$d->does(qw(promote all r --all --except l));

my $comma = document('comma', packages => [
    package_of(version => '1.0', file => 'one', platform => 'android,ios') ],
    releases => [ release_of(platform => 'android,ios') ]);
is_deeply warns($comma), [
    'package upgrade 1.0: the platform "android,ios" is one name with a comma'
    . ' in it; several are a list',
    'release "r": the platform "android,ios" is one name with a comma in it;'
    . ' several are a list' ], 'a comma in a platform, in a document';
exported_is_no_change('comma');
$d->must('publish', "$d->{dir}/one", qw(--app every --new-app --kind upgrade --version
    1.0));
$d->misused('found "android,ios", which is one name with a comma', 'release',
    'every', 'r', '--platform', 'android,ios', qw(--kind upgrade --version 1.0
    --all));
$d->misused('found "a,b", which is one name with a comma', 'publish',
    "$d->{dir}/one", qw(--app every --new-app --kind upgrade --version 2 --channel),
    'a,b');

# --- a message that does not hit as things are

$d->must('publish', "$d->{dir}/five", qw(--app m --new-app --kind upgrade --platform
    android --version), $_) for 1 .. 3;
$d->must(qw(release m two --kind upgrade --platform android --version 2
    --all));
my @push = ('message', 'push', 'm', '--users', $d->put('ids', "u\n"),
    '--until', $LATER, '--to');
for (1, 2) {
    my ($code, undef, $err) = $d->run(@push, "android=$_");
    is $code, 0, "a message to android=$_ is pushed";
    is_deeply warned($err), ["the message to android=$_ does not hit while release"
        . ' "two" gives 2 to everybody'], '... with a warning';
}
$d->does(@push, 'android=3');
$d->refuses('--users: "[^"]+" has no ids: the message would be for nobody', qw(message push m
    --users), $d->put('none', "\n"), '--to', 'android=3', '--until', $LATER);
$d->must(qw(release m three --kind upgrade --platform android --version 3
    --all));
$d->does(qw(message withdraw m 1));

# --- a difference that is not made

my $big = 128 * 1024 * 1024 + 1;
for my $v (1, 2) {
    open my $file, '>', "$d->{dir}/big" or die $!;
    print $file $v;
    truncate $file, $big or die $!;
    close $file;
    my ($code, undef, $err) = $d->run('publish', "$d->{dir}/big", qw(--new-app --app big
        --kind bundle --name b --version), $v);
    is_deeply [$code, warned($err)], [0, $v == 1 ? [] : ['package bundle b 2:'
        . ' there is no delta from 1, because one of the files is over'
        . ' 128 MiB; devices get it in full']], "a large file, version $v";
}
unlink "$d->{dir}/big";

# --- an APK that is signed as a whole

sub signed {
    my ($zip) = @_;
    my $end = length($zip) - 22;
    my $directory = unpack 'V', substr $zip, $end + 16, 4;
    my $block = pack('Q<', 32) . ('s' x 8) . pack('Q<', 32)
        . 'APK Sig Block 42';

    substr $zip, $end + 16, 4, pack 'V', $directory + length $block;
    substr $zip, $directory, 0, $block;
    return $zip;
}

my $zip = Pack::zip(['classes.dex', 'code' x 100]);
my @apk = qw(--new-app --app apk --kind upgrade --version);
$d->refuses('has an APK Signing Block, which --store would break', 'publish',
    $d->put('signed.apk', signed($zip)), @apk, 1, '--store');
$d->must('publish', "$d->{dir}/signed.apk", @apk, 1);
$d->must('publish', $d->put('plain.apk', $zip), @apk, 2, '--store');

done_testing;
