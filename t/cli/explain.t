#!/usr/bin/perl

# Checks that mdsctl explain prints every candidate in order, each test and its result.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;

my $d = Depot->new(user => 'root');
$d->put("v$_", "version $_") for 1 .. 4;
$d->put_json('doc.json', {
    app => 'a',
    lists => { staff => { ids => ['alice'] }, banned => { ids => ['mallory'] },
        qa => { patterns => ['^qa-[0-9]+$'] },
        lab => { ids => ['dev-1'], by => 'device' } },
    packages => [ map { { kind => 'upgrade', platform => 'android',
        version => "$_", file => "v$_" } } 1 .. 4 ],
    releases => [
        { id => 'official', kind => 'upgrade', platform => 'android',
          version => '2', audience => { all => JSON::PP::true } },
        { id => 'gray', kind => 'upgrade', platform => 'android',
          version => '3', audience => { lists => ['staff', 'qa', 'lab'],
              percent => 25.5, except => ['banned'] },
          rules => [
              { attribute => 'brand', op => 'in', values => ['Xiaomi', 'Re*'] },
              { attribute => 'os_version', op => 'range', min => '9',
                below => '14' },
              { attribute => 'city', op => 'not_in', values => ['Paris'] } ] },
        { id => 'asleep', kind => 'upgrade', platform => 'android',
          version => '4', state => 'paused',
          audience => { all => JSON::PP::true } },
    ],
});
$d->must('apply', "$d->{dir}/doc.json");

my @ask = qw(app=a kind=upgrade platform=android);
my @fits = (@ask, qw(brand=Redmi os_version=10 city=Rome));

sub tests { map { $_->{test} . ($_->{subject} ne '' ? " $_->{subject}" : '')
    => $_ } @{ $_[0]{tests} } }

# --- json: candidates in the order of their choice

my $e = $d->decides(@fits, 'version=1', 'user=alice', 'device=d');
is_deeply [map { $_->{release} } @{ $e->{candidates} }],
    [qw(asleep gray official)], 'every candidate, the higher version first';
is_deeply [map { $_->{holds} ? 1 : 0 } @{ $e->{candidates} }], [0, 1, 1],
    'which of them hold';
is_deeply [@$e{qw(action version release reason serial)}],
    ['install', '3', 'gray', 'list', 1], 'what comes of it';
is $e->{manifest}{version}, '3', 'and the manifest that goes out';

my %asleep = tests($e->{candidates}[0]);
is_deeply [@{ $asleep{state} }{qw(seen holds)}], ['paused', JSON::PP::false],
    'a paused one does not hold for its state';

my %t = tests($e->{candidates}[1]);
is $t{'rule brand'}{seen}, 'Redmi', 'a rule: the value that was seen';
ok $t{'rule brand'}{holds}, 'that it holds';
like $t{'rule brand'}{wants}, qr/Xiaomi/, 'and what it wants';
is $t{'rule os_version'}{seen}, '10', 'a range';
ok $t{'rule city'}{holds}, 'what is not to be';
is $t{'platform'}{seen}, 'android', 'the platform';
is $t{'list staff'}{seen}, 'alice', 'the list, and who is on it';
ok $t{'list staff'}{holds}, 'that it hits';

# --- every rule is judged, whatever the ones before say

$e = $d->decides(@ask, qw(brand=Nokia os_version=14 city=Paris user=alice));
%t = tests($e->{candidates}[1]);
is_deeply [map { $t{"rule $_"}{holds} ? 1 : 0 } qw(brand os_version city)],
    [0, 0, 0], 'each rule has a verdict';
is_deeply [map { $_->{release} } @{ $e->{candidates} }],
    [qw(asleep gray official)], 'and the official one is below';
is_deeply [@$e{qw(version release reason)}], ['2', 'official', 'all'],
    'which everybody gets';

$e = $d->decides(@ask, 'user=alice');
%t = tests($e->{candidates}[1]);
is_deeply [map { "$t{\"rule $_\"}{seen}" . ($t{"rule $_"}{holds} ? 1 : 0) }
    qw(brand os_version city)], [0, 0, 0],
    'what the request lacks fails every rule, the not_ ones too';

# --- a hotfix of another version of the app

my $fix = Depot->new(user => 'root');
$fix->put("fix-$_", "fix $_") for 1, 2;
$fix->put_json('fix.json', { app => 'a', packages => [ map { {
        kind => 'hotfix', version => $_->[0], file => "fix-$_->[0]",
        app_version => { min => $_->[1], max => $_->[1] } } }
        [ '2', '3.1' ], [ '1', '3.2' ] ],
    releases => [ map { { id => "r$_", kind => 'hotfix', version => "$_",
        audience => { all => JSON::PP::true } } } 1, 2 ] });
$fix->must('apply', "$fix->{dir}/fix.json");
$e = $fix->decides(qw(app=a kind=hotfix version=2 app_version=3.2));
is_deeply [ @$e{qw(action version)}, @{ $e->{installed} }{qw(version counts)} ],
    [ 'install', '1', '2', JSON::PP::false ],
    'a hotfix of another app_version does not count';
like $e->{installed}{why}, qr/hotfix 2 is not for app_version 3\.2/,
    '... in words';
ok !exists $fix->decides(qw(app=a kind=hotfix version=2 app_version=3.1))
    ->{installed}, '... of which there are none where it counts';
like +($fix->run(qw(explain app=a kind=hotfix version=2 app_version=3.2)))[1],
    qr/\Ainstalled "2" does not count: hotfix 2 is not for app_version 3\.2, /,
    '... and is what is said first';

# --- the bucket

my ($in, $out);
for my $i (1 .. 60) {
    my $g = $d->decides(@fits, "device=d-$i");
    my %t = tests($g->{candidates}[1]);
    my ($bucket, $limit) = $t{percent}{wants}
        =~ /^bucket ([0-9.]+), must be below ([0-9.]+)$/ or last;
    is $limit, '25.5000', 'the percentage' if $i == 1;
    my $hit = $g->{release} eq 'gray' ? 1 : 0;
    my $wanted = $bucket < 25.5 ? 1 : 0;
    is $hit, $wanted, "d-$i: $bucket" if $hit != $wanted;
    is $g->{reason}, 'percent', 'the reason' if $hit && !$in;
    $hit ? $in++ : $out++;
}
cmp_ok $in // 0, '>', 3, 'some buckets are below the percentage';
cmp_ok $out // 0, '>', 20, 'most are not';
is $d->decides(@fits, 'user=x')->{release}, 'official',
    'without a device there is no bucket';

# --- lists

for my $case (['user=qa-7', 'gray', 'list qa'],
    ['device=dev-1', 'gray', 'list lab'], ['user=qa-x', 'official', undef])
{
    my ($who, $release, $test) = @$case;
    my $g = $d->decides(@fits, $who);
    is $g->{release}, $release, "$who: $release";
    my %t = tests($g->{candidates}[1]);
    ok $t{$test}{holds}, "$who: $test" if defined $test;
}
$e = $d->decides(@fits, 'user=mallory', 'device=dev-1');
is $e->{release}, 'official', 'who is excepted is out';
my ($except) = grep { $_->{test} =~ /except/ }
    @{ $e->{candidates}[1]{tests} };
is $except->{subject}, 'banned', 'and is told by which list';

# --- nothing

for my $case (
    ['current', @ask, 'version=2'], ['current', @ask, 'version=9'],
    ['unknown', qw(app=a kind=hotfix)], ['unknown', qw(app=z kind=upgrade)],
    ['outside', qw(app=a kind=upgrade platform=ios)],
) {
    my ($reason, @args) = @$case;
    my $g = $d->decides(@args);
    is_deeply [@$g{qw(action reason)}], ['none', $reason], "@args: $reason";
    ok !exists $g->{manifest}, "@args: no manifest";
}
$e = $d->decides(@ask, 'refuse=2');
is $e->{action}, 'none', 'what is refused is not offered';

# --- in words

my $out_words = $d->does('explain', @fits, qw(version=1 user=alice device=d));
is $out_words, <<'END', 'in words';
release asleep, version 4
  no   state "paused": running
  yes  platform "android": android
  yes  build: one for the device
  yes  all: everybody
  => does not hold
release gray, version 3
  yes  state "running": running
  yes  platform "android": android
  yes  rule brand "Redmi": in Xiaomi, Re*
  yes  rule os_version "10": in the range from 9 below 14
  yes  rule city "Rome": not in Paris
  yes  build: one for the device
  no   except banned "alice": list of users
  no   percent "d": bucket 56.0396, must be below 25.5000
  yes  list staff "alice": list of users
  no   list qa "alice": list of users
  no   list lab "d": list of devices
  => holds
release official, version 2
  yes  state "running": running
  yes  platform "android": android
  yes  build: one for the device
  yes  all: everybody
  => holds
serial 1: install 3, by release gray
reason: list (it is on a list)
END
like $d->does('explain', @ask), qr/^  no   rule brand \(absent\)/m,
    'what is absent is said to be';
like $d->does('explain', @ask, 'version=2'),
    qr/^serial 1: none \(it has 2 already\), by release official\nreason: current \(/m, 'nothing to do';

# It only reads: a reader's depot will do.
SKIP: {
    skip 'only root becomes somebody else', 4 if $> != 0;
    chmod 0755, $d->{dir};
    my $before = $d->tree;
    my ($code, $said) = Ctl::ctl_as('nobody', '--depot', $d->{depot}, 'explain',
        @ask);
    like $said, qr/^serial 1: install 2, by release official$/m,
        'whoever may read it may ask';
    $d->untouched($before, 'explain');

    ($code, $said) = Ctl::ctl_as('nobody', '--depot', $d->{depot}, 'status');
    is $code, 1, 'status reads what belongs to root: exit 1';
    like $said, qr/Permission denied\nmdsctl: the depot belongs to root: run this as root/,
        '... and who may run it';
}

# Without the state nobody knows what a window holds: neither that it is full
# nor that it has ended.
{
    my $w = Depot->new(user => 'root');
    $w->put('p', 'package');
    $w->must('publish', "$w->{dir}/p", qw(--app w --kind upgrade --version 1));
    $w->must(qw(release w r --kind upgrade --version 1 --window 5 --until 9d --by device));
    rename "$w->{depot}/state", "$w->{depot}/away" or die "rename: $!";
    my ($code, $out) = $w->run(qw(explain app=w kind=upgrade device=d));
    is $code, 1, 'a window without the state: exit 1';
    like $out, qr/^  no   window "d": is unknown: the state cannot be read$/m, '... and says so';
}

# --- wrong

$d->misused('app', 'explain', 'kind=upgrade');
$d->misused('kind', 'explain', 'app=a');
$d->misused('"x" is not of the form', 'explain', @ask, 'x');
$d->misused('version', 'explain', @ask, 'version=latest');
$d->misused('"app=b"', 'explain', @ask, 'app=b');
$d->misused('argument is missing', 'explain');

done_testing;
