# SDKs and their data: the ladder of full package, difference and nothing, as
# a table; channels, embedded versions, builds by rule, and data packages with
# versions of their own.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use Device;
use MDS;
use Test::More;

my $t   = MDS->new;
my $app = 'com.example.shop';
$t->depot;

srand 7;
sub noise { my ($bytes) = @_; join '', map { chr int rand 256 } 1 .. $bytes }

# Builds have most in common; that of 4.5 has nothing, so that a difference
# from it is not worth it.
my $common = noise(40_000);
$t->write('core-4.5.zip', noise(40_000));
$t->write("core-$_.zip", "$_$common$_")
    for qw(3.9 4.0 4.6 4.7 4.8 4.9 5.0 5.1 5.2 4.9-xiaomi 5.2-xiaomi
           5.2-arm64 5.2-x86 5.1-arm64);
$t->write("voice-$_.bin", "$common voice $_") for 1 .. 3;

my $true = JSON::PP::true;
sub sdk {
    my ($version, %more) = @_;
    return { kind => 'sdk', name => 'core', platform => 'android',
        version => $version, file => "core-$version.zip", deltas => 0, %more };
}
sub from { map { { from => $_ } } @_ }

my %document = (
    app      => $app,
    channels => { store => { delta => JSON::PP::false } },
    packages => [
        map({ sdk($_) } '3.9', '4.0', '4.5', '4.6', '4.7', '4.8'),
        sdk('5.0', delivery => 'embedded'),
        sdk('5.2', deltas => [ from(qw(3.9 4.0 4.5 4.7 4.8 5.0)) ]) ],
    releases => [
        { id => 'core', kind => 'sdk', name => 'core', platform => 'android',
          version => '5.2', audience => { all => $true },
          delta => { stage => '4.0', force_full => ['v4.7.0'] } } ],
);
sub apply { $t->mdsctl('apply', '--force', $t->document(\%document)) }
apply();

$t->start(<<'EOF2');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /mds/v1/check  { mds_check; }
    location /mds/v1/files/   { mds_files; }
}
EOF2

my $device = Device->new($t, app => $app, kind => 'sdk', name => 'core',
    platform => 'android');

sub told {
    my ($title, $is, @ask) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($device->told(@ask), $is, $title);
}

# The ladder of C3, in its order. What each line is told where differences are
# taken, on a channel without, and where what is missing is full.
my $full  = 'install 5.2 full by core';
my $delta = 'install 5.2 full delta:%s by core';
my @ladder = (
    [ undef,   'nothing installed',             'full',    'full' ],
    [ '5.2',   'current',                       'nothing', 'nothing' ],
    [ '5.2.0', 'current, written otherwise',    'nothing', 'nothing' ],
    [ '5.3',   'above, though never published', 'nothing', 'nothing' ],
    [ '5.2-rc.1', 'below, never published',     'full',    'full' ],
    [ '4.4',   'never published',               'full',    'full' ],
    [ '1.0',   'the same, and below the stage', 'full',    'full' ],
    [ '4.7',   'has to take the full one',      'full',    'full' ],
    [ '3.9',   'below the stage',               'full',    'full' ],
    [ '4.0',   'the stage itself',              'delta',   'full' ],
    [ '4.8',   'a difference',                  'delta',   'full' ],
    [ 'v4.8',  'the same, written otherwise',   'delta',   'full' ],
    [ '5.0',   'a difference from one embedded', 'delta',  'full' ],
    [ '4.5',   'a difference not worth it',     'full',    'full' ],
    [ '4.6',   'no difference',                 'nothing', 'full' ],
);

sub ladder {
    my ($missing) = @_;

    for my $step (@ladder) {
        my ($version, $title, @is) = @$step;
        for my $i (0, 1) {
            my $is = $is[$i] eq 'nothing' && $version eq '4.6' ? $missing
                : $is[$i] eq 'nothing' ? 'nothing'
                : $is[$i] eq 'full'    ? $full
                : sprintf $delta, $version =~ s/^v//r;
            told(($version // 'none') . ": $title"
                . ($i ? ', without differences' : ''), $is,
                version => $version, $i ? (channel => 'store') : ());
        }
    }
}

ladder('nothing');
$document{releases}[0]{delta}{missing} = 'full';
apply();
ladder($full);
$document{releases}[0]{delta}{missing} = 'none';
apply();
ladder('nothing');

# What is told is what it makes.
for my $version (qw(4.8 5.0 4.5 4.7)) {
    my $said = $device->check('--have', "$t->{dir}/core-$version.zip",
        '--out', "$t->{dir}/got", version => $version);
    like($said, qr/\Aexit 0\n/, "$version: done") or diag($said);
    ok($t->read('got') eq $t->read('core-5.2.zip'), '... to the byte');
    if ($version eq '4.8' || $version eq '5.0') {
        like($said, qr/^patched /m, '... by a difference');
    }
    unlink "$t->{dir}/got";
}

# An embedded one is never offered.
push @{ $document{packages} }, sdk('6.0', file => 'core-5.1.zip',
    delivery => 'embedded');
push @{ $document{releases} }, { id => 'embedded', kind => 'sdk',
    name => 'core', platform => 'android', version => '6.0',
    audience => { all => $true } };
my ($status, undef, $err)
    = $t->mdsctl_any('apply', '--force', $t->document(\%document));
is($status, 0, 'a release of an embedded version') or diag($err);
told('embedded: known, and not offered', sprintf($delta, '4.8'),
    version => '4.8');
told('embedded: above what is offered', 'nothing', version => '6.0');
pop @{ $document{$_} } for qw(packages releases);

# Channels have builds of their own, with differences of their own.
$document{packages} = [
    sdk('4.9', file => 'core-4.9.zip'),
    sdk('4.9', file => 'core-4.9-xiaomi.zip', channel => 'xiaomi'),
    sdk('5.0', channel => 'xiaomi', delivery => 'embedded'),
    sdk('5.2', deltas => 3),
    sdk('5.2', file => 'core-5.2-xiaomi.zip', channel => 'xiaomi',
        deltas => 3) ];
apply();

sub base_is {
    my ($title, $version, $channel, $from, $to) = @_;
    my $m = $device->ask(version => $version, channel => $channel);

    is($m->{full}{sha256}, sha256_hex($t->read("core-$to.zip")),
        "$title: its build");
    is($m->{delta}{from_sha256},
        defined $from ? sha256_hex($t->read("core-$from.zip")) : undef,
        "$title: its base");
    return $m;
}

my $m = base_is('no channel', '4.9', undef, '4.9', '5.2');
is($m->{channel}, '*', '... for every channel');
$m = base_is('xiaomi', '4.9', 'xiaomi', '4.9-xiaomi', '5.2-xiaomi');
is($m->{channel}, 'xiaomi', '... for xiaomi');
base_is('another channel', '4.9', 'oppo', '4.9', '5.2');
base_is('embedded on xiaomi', '5.0', 'xiaomi', '5.0', '5.2-xiaomi');
base_is('... which others do not know', '5.0', 'oppo', undef, '5.2');
$document{channels}{xiaomi} = { delta => JSON::PP::false };
apply();
base_is('xiaomi, told to take full ones', '4.9', 'xiaomi', undef,
    '5.2-xiaomi');
delete $document{channels}{xiaomi};

# Builds by rule: the first in the document that holds. Their versions are
# new: what is published stays as it is.
sub cpu { (rules => [ { attribute => 'cpu', op => 'in', values => [@_] } ]) }
$document{packages} = [
    sdk('7.1', file => 'core-5.1-arm64.zip', cpu('arm64-v8a')),
    sdk('7.2', file => 'core-5.2-arm64.zip', cpu('arm64*'), deltas => 2),
    sdk('7.2', file => 'core-5.2-x86.zip', cpu('x86', 'x86_64'),
        deltas => 2) ];
$document{releases}[0]{version} = '7.2';
$document{releases}[0]{delta} = { missing => 'full' };
apply();

for my $case ([ 'arm64-v8a', '5.2-arm64', '5.1-arm64' ],
    [ 'arm64-v9', '5.2-arm64', undef ], [ 'x86_64', '5.2-x86', undef ])
{
    my ($cpu, $to, $from) = @$case;
    my $m = $device->ask(version => '7.1', cpu => $cpu);
    is($m->{full}{sha256}, sha256_hex($t->read("core-$to.zip")),
        "$cpu: its build");
    is(($m->{delta} // {})->{from_sha256}, defined $from
        ? sha256_hex($t->read("core-$from.zip")) : undef, '... and its base');
}
told('a cpu without a build', 'nothing', cpu => 'mips', version => '7.1');
told('no cpu', 'nothing', version => '7.1');

# Data packages have versions of their own, and say which SDKs they are for.
sub voice {
    my ($version, %range) = @_;
    return { kind => 'data', name => 'voice', platform => 'android',
        version => "$version", file => "voice-$version.bin",
        rules => [ { attribute => 'sdk_version', op => 'range', %range } ] };
}
push @{ $document{packages} }, voice(1, max => '4.9'),
    voice(2, min => '5.0', below => '6'), voice(3, min => '6');
push @{ $document{releases} }, map { { id => "voice-$_", kind => 'data',
    name => 'voice', platform => 'android', version => "$_",
    audience => { all => $true } } } 1 .. 3;
apply();

my @voice = (kind => 'data', name => 'voice');
for my $case (
    [ '5.2',   undef, 'install 2 full by voice-2' ],
    [ '4.9',   undef, 'install 1 full by voice-1' ],
    [ '6-rc.1', undef, 'install 2 full by voice-2' ],
    [ '6.0',   undef, 'install 3 full by voice-3' ],
    [ '6.0',   2,     'install 3 full by voice-3' ],
    [ '5.2',   2,     'nothing' ],
    [ '5.2',   3,     'nothing' ],
    [ undef,   undef, 'nothing' ],
    [ 'newest', undef, 'nothing' ],
) {
    my ($sdk, $has, $is) = @$case;
    told('data for SDK ' . ($sdk // 'unknown') . ', has ' . ($has // 'none'),
        $is, @voice, sdk_version => $sdk, version => $has);
}

# One question for the SDK and its data.
sub batch {
    my ($body) = @_;
    return $t->raw(join "\r\n", 'POST /mds/v1/check HTTP/1.1', 'Host: x',
        'Content-Type: application/json', 'Connection: close',
        'Content-Length: ' . length $body, '', $body);
}
my $answer = batch(qq({"app":"$app","platform":"android","cpu":"arm64-v8a",)
    . '"sdk_version":"5.1","resources":['
    . '{"kind":"sdk","name":"core","version":"7.1"},'
    . '{"kind":"data","name":"voice","version":"1"},'
    . '{"kind":"data","name":"maps"}]}')->json;
is_deeply([ map { "$_->{kind} $_->{name} $_->{action}" }
        @{ $answer->{results} } ],
    [ 'sdk core install', 'data voice install', 'data maps none' ],
    'SDK and data at once');
for my $result (@{ $answer->{results} }[ 0, 1 ]) {
    ok($device->verifies($result->{manifest}, $result->{signature}),
        "... $result->{name}: signed");
    my $m = JSON::PP->new->utf8->decode($result->{manifest});
    my $r = $t->get("/mds/v1/$m->{full}{path}");
    is(sha256_hex($r->body), $m->{full}{sha256}, '... with its file');
}

$t->finish;
