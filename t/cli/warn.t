#!/usr/bin/perl

# Commands warn of versions that would get nothing; and each warning is true,
# and none is missing, by what the catalog then decides.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;

my $d    = Depot->new(user => 'root');
my $true = JSON::PP::true;
$d->put("core-$_", Depot::noise('core', 20_000) . Depot::noise($_, 500))
    for qw(4.0 4.6 4.7 4.8 4.9 5.0 5.1 5.2);

sub package_of {
    my ($version, %more) = @_;
    return { kind => 'sdk', name => 'core', platform => 'android',
        version => $version, file => "core-$version", %more };
}

sub document {
    my ($delta, @packages) = @_;
    return $d->put_json('doc.json', { app => 'a', packages => \@packages,
        channels => { slow => { delta => JSON::PP::false } },
        releases => [ { id => 'core', kind => 'sdk', name => 'core',
            version => '5.2', audience => { all => $true },
            $delta ? (delta => $delta) : () } ] });
}

my @all = (map({ package_of($_) } qw(4.0 4.6 4.7 4.8 4.9)),
    package_of('5.0', delivery => 'embedded'),
    package_of('5.1', platform => 'ios'),
    package_of('5.2', deltas => 2, platform => [ 'android', 'ios' ]));

# What is warned of: release, version, and where.
sub warned { map { [ /^release "(\S+)": version (\S+)(?: on (.*?))? would get nothing: there is no delta from it to \S+, and "missing" is "none"$/ ] } @_ }

my $file = document({ stage => '4.5', force_full => ['4.7'] }, @all);
my ($code, $out, $err) = $d->run('apply', $file, '--dry-run');
is $code, 0, 'a dry run is done';
is $err, join('', map { "mdsctl: warning: release \"core\": version $_ on"
    . " android would get nothing: there is no delta from it to 5.2, and"
    . " \"missing\" is \"none\"\n" } '4.9', '4.8', '4.6'), '... and warns';
is $d->serial, 0, '... and changes nothing';

($code, $out, my $said) = $d->run('apply', $file);
is $said, $err, 'the change warns of the same';
like $out, qr/\Aserial 1\n/, '... and is made';
($code, $out, $said) = $d->run('apply', $file);
is $said, $err, '... and again where nothing changes';
is_deeply [ warned(@{ $d->asks('apply', $file)->{warnings} }) ],
    [ map { [ 'core', $_, 'android' ] } '4.9', '4.8', '4.6' ],
    'json: the warnings';

# --- each is true, and none is missing

# Every version as if it were installed, everywhere: who gets nothing?
sub stranded {
    my ($platforms, $channels, @versions) = @_;
    my @found;
    for my $version (@versions) {
        my @places;
        for my $platform (@$platforms) {
            for my $channel (@$channels) {
                my $decided = $d->decides('app=a', 'kind=sdk', 'name=core',
                    "platform=$platform", "channel=$channel",
                    "version=$version");
                push @places, $platform . ($channel && " of channel $channel")
                    if $decided->{reason} eq 'no_delta';
            }
        }
        push @found, [ 'core', $version, join ', ', @places ] if @places;
    }
    return \@found;
}

my @cases = (
    [ 'the ladder', { stage => '4.5', force_full => ['4.7'] }, @all ],
    [ 'no ladder', undef, @all ],
    [ 'missing full', { missing => 'full' }, @all ],
    [ 'all in differences', undef, (grep { $_->{version} ne '5.2' } @all),
        package_of('5.2', platform => [ 'android', 'ios' ], deltas => 99) ],
    [ 'none in differences', undef, (grep { $_->{version} ne '5.2' } @all),
        package_of('5.2', platform => [ 'android', 'ios' ], deltas => 0) ],
    [ 'a list of differences', undef,
        (grep { $_->{version} ne '5.2' } @all), package_of('5.2',
        deltas => [ { from => '4.8' }, { from => '4.0' } ]) ],
    [ 'channels', undef,
        package_of('4.8', channel => [ 'mi', 'oppo' ]),
        package_of('4.9', channel => 'slow'),
        package_of('5.0', channel => [ 'mi', 'slow' ], deltas => 0),
        package_of('5.2', deltas => 0) ],
    [ 'all platforms', undef, map { package_of($_, platform => [ 'android',
        'ios' ], deltas => 0) } '4.8', '5.2' ],
);
for my $case (@cases) {
    my ($what, $delta, @packages) = @$case;
    my $facts = $d->asks('apply', document($delta, @packages), '--force');
    my %seen;
    my @versions = grep { !$seen{$_}++ } reverse map { $_->{version} }
        @packages;
    is_deeply [ warned(@{ $facts->{warnings} }) ], stranded([ 'android',
        'ios' ], $what eq 'channels' ? [ 'mi', 'oppo', 'slow' ] : [''],
        @versions), $what;
}

# --- rules of builds: who has the one for arm gets the one for arm

# A version keeps its bytes, so each of these begins anew.
sub begin_anew { $d->must('apply', '--force', $d->put_json('empty.json', { app => 'a' })) }
begin_anew();

my @cpus = map { my $cpu = $_; map { package_of($_, deltas => 1,
    rules => [ { attribute => 'cpu', op => 'in', values => [$cpu] } ],
    file => $cpu eq 'arm' ? "core-$_" : 'core-4.0') } '4.9', '5.1', '5.2' }
    'arm', 'x86';
is_deeply [ warned(@{ $d->asks('apply', document(undef, @cpus), '--force')
    ->{warnings} }) ], [ [ 'core', '4.9', 'android' ] ],
    'one line for the builds of a version';
is $d->decides(qw(app=a kind=sdk name=core platform=android version=4.9
    cpu=arm))->{reason}, 'no_delta', '... which is true';
is $d->decides(qw(app=a kind=sdk name=core platform=android version=5.1
    cpu=x86))->{action}, 'install', '... and so is that of no other';

@cpus = grep { $_->{version} ne '5.2' } @cpus;
begin_anew();
is_deeply [ warned(@{ $d->asks('apply', document(undef, @cpus,
    package_of('5.2', deltas => 1)), '--force')->{warnings} }) ],
    [ [ 'core', '4.9', 'android' ] ], 'builds that become one';

# Whom a release is for, and since when, is another matter.
begin_anew();
my $aside = document(undef, package_of('4.9'), package_of('5.2', deltas => 0));
my $doc = JSON::PP->new->decode(Ctl::read_file($aside));
@{ $doc->{releases}[0] }{qw(audience rules start)} = ({ percent => 1 },
    [ { attribute => 'city', op => 'in', values => ['x'] } ],
    '2099-01-01T00:00:00Z');
is scalar @{ $d->asks('apply', $d->put_json('doc.json', $doc), '--force')
    ->{warnings} }, 1, 'also of a release for few, and of one to come';

# --- by steps

my $one = Depot->new(user => 'root', key => $d->{key});
my @sdk = qw(--app a --kind sdk --name core --version);
for my $version ('4.8', '4.9') {
    (undef, undef, $said) = $one->run('publish', "$d->{dir}/core-$version",
        @sdk, $version, '--deltas', 0);
    is $said, '', 'no release, no warning';
}
(undef, undef, $said) = $one->run(qw(release a r --kind sdk --name core
    --version 4.9 --all));
like $said, qr/\Amdsctl: warning: release "r": version 4\.8 would get nothing: [^\n]*\n\z/,
    'release warns';
(undef, undef, $said) = $one->run('publish', "$d->{dir}/core-4.7", @sdk,
    '4.7');
like $said, qr/version 4\.8 would .*\n.*version 4\.7 would/, 'publish warns';
is +($one->run(qw(list add a staff alice)))[2], '', 'a list does not';
is +($one->run(qw(end a r)))[2], '', 'nor one that has ended';

# Nothing of that kind where the full package goes out.
is_deeply $one->asks(qw(release a u --kind bundle --name b --version 1 --all))
    ->{warnings}, [], 'none for other kinds' if eval { $one->must('publish',
    "$d->{dir}/core-4.7", qw(--app a --kind bundle --name b --version 1)) };

done_testing;
