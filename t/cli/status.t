#!/usr/bin/perl

# Checks what mdsctl status prints about the catalog in force.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;

my $d = Depot->new;

like $d->does('status'), qr/^depot \Q$d->{depot}\E: serial 0
state: \d+ bytes: \d+ for windows and marks, \d+ for 0 devices\n\z/, 'an empty depot';
my $empty = $d->asks('status');
my $kept  = delete $empty->{state};
is_deeply $empty, { serial => 0, apps => [] }, 'for machines';
is $kept->{bytes}, $kept->{windows_bytes} + $kept->{devices_bytes},
    'the state is as large as its parts';
is_deeply [@$kept{qw(devices passed_over max_bytes)}], [0, 0, undef],
    '... no device yet, and no worker has said how large it may be';
like $d->does('--json', 'status'), qr/\A\{\n  "serial": 0,\n  "state": \{\n    "bytes": .*\n  \},\n  "apps": \[\]\n\}\n\z/s,
    '... indented as all JSON';

for my $app (qw(shop game)) {
    $d->must('publish', $d->put("$app-$_", "$app $_"), '--app', $app,
        qw(--new-app --kind upgrade --platform android --version), $_) for 1, 2;
    $d->must(qw(list add), $app, qw(staff alice));
    $d->must('release', $app, "r$_", qw(--kind upgrade --platform android
        --version), $_, $_ == 1 ? '--all' : ('--list', 'staff')) for 1, 2;
}
$d->must(qw(pause shop r2));

my $out = $d->does('status');
like $out, qr/^depot \Q$d->{depot}\E: serial 11$/m, 'the serial in force';
like $out, qr/^game: .*^shop: /ms, 'apps in order';
like $out, qr/^shop: serial 11, 2 packages, 1 list, 2 releases, key \w{16}$/m,
    'how much there is';
like $out, qr/^  running +upgrade 1  r1  everybody$/m, 'a release';
like $out, qr/^  paused +upgrade 2  r2  list staff$/m,
    'its state';

$out = $d->does(qw(status shop));
unlike $out, qr/game/, 'of one app';

my $facts = $d->asks('status');
is $facts->{serial}, 11, 'json: the serial';
is_deeply [map { $_->{app} } @{ $facts->{apps} }], [qw(game shop)],
    'json: the apps';
my ($shop) = grep { $_->{app} eq 'shop' } @{ $facts->{apps} };
is_deeply [@$shop{qw(serial packages lists)}], [11, 2, 1], 'json: numbers';
like $shop->{keyid}, qr/^[0-9A-F]{16}$/, 'json: the key';
is_deeply [map { "$_->{id} $_->{state}" } @{ $shop->{releases} }],
    ['r1 running', 'r2 paused'], 'json: releases';
is_deeply [map { $_->{app} } @{ $d->asks(qw(status game))->{apps} }], ['game'],
    'json: of one app';

my $text = $d->does(qw(--json status));
like $text, qr/\A\{\n  "serial": 11,\n  "state": \{\n    "bytes": /,
    'json: indented';
like $text, qr/\n  "apps": \[\n    \{\n      "app": "game",\n      "serial": \d+,\n/,
    '... an app';
like $text, qr/\n      "lists": 1,\n      "releases": \[\n        \{\n          "/,
    '... its first release';
like $text, qr/\n        \},\n        \{\n          "/, '... the next';
like $text, qr/\n        \}\n      \]\n    \},\n    \{\n      "app": "shop",\n/,
    '... the next app';
like $text, qr/\n        \}\n      \]\n    \}\n  \]\n\}\n\z/, '... the end';

# --- since when, by whom, and under which times and rules

$d->must(qw(release shop r3 --kind upgrade --platform android --version 2
    --percent 5 --rule), '{"attribute":"brand","op":"in","values":["x"]}');
my $serial = $d->serial;
my $document = $d->asks(qw(export shop));
$document->{releases}[0]{start} = '2020-01-01T00:00:00Z';
$document->{releases}[0]{end}   = '2096-01-01T00:00:00Z';
$d->must('apply', $d->put_json('shop.json', $document));
$d->must(qw(list add shop staff bob));

my %release = map { $_->{id} => $_ }
    @{ $d->asks(qw(status shop))->{apps}[0]{releases} };
my %entry = map { $_->{serial} => $_ } @{ $d->asks(qw(log shop)) };
for my $case ([r1 => $serial + 1], [r2 => 11], [r3 => $serial]) {
    my ($id, $by) = @$case;
    is_deeply $release{$id}{since}, { serial => $by,
        time => $entry{$by}{time}, who => $entry{$by}{who} },
        "$id: since its last change, by whom";
}
$out = $d->does(qw(status shop));
like $out, qr/r1  everybody; from 2020-01-01T00:00:00Z; until 2096-01-01T00:00:00Z\n      since \d{4}-\S+Z \(\S+@\S+\) serial @{[$serial + 1]}\n/,
    'in words, with its times';
like $out, qr/r3  5 % of devices; only brand x\n      since \S+ \(\S+\) serial $serial\n/,
    'and its rules';
like $d->asks(qw(status shop))->{apps}[0]{keyid}, qr/^[0-9A-F]{16}$/,
    'the key of the app';

splice @{ $document->{releases} }, 2, 1;
$d->must('apply', $d->put_json('shop.json', $document), '--force');
$d->must('revert', $d->serial);
is +(grep { $_->{id} eq 'r3' } @{ $d->asks(qw(status shop))->{apps}[0]{releases} })[0]{since}{serial},
    $d->serial, 'what came back is as it is since then';

my ($code, undef, $err) = $d->run(qw(status none));
is $code, 1, 'an unknown app: exit 1';
like $err, qr/there is no app "none"/, 'and its name';
$d->misused('one argument too many', qw(status a b));

# --- filters, and every part of a release in words

unlike $d->does(qw(status shop --state paused)), qr/running/, '--state';
like $d->does(qw(status --kind upgrade)), qr/^  running +upgrade 1  r1 /m, '--kind';
is_deeply $d->asks(qw(status shop --kind bundle))->{apps}[0]{releases}, [],
    '... of none';
$d->misused('--state "gone": must be running', qw(status --state gone));

my $words = $d->asks(qw(export shop));
for my $case (
    ['everybody, but not list staff', { all => JSON::PP::true, except => ['staff'] }],
    ['2.5 % of users', { percent => 2.5, by => 'user' }],
    ['1 % growing to 50 % of devices from 2026-01-01T00:00:00Z until 2096-01-01T00:00:00Z',
        { ramp => { from => 1, to => 50, start => '2026-01-01T00:00:00Z',
            end => '2096-01-01T00:00:00Z' } }],
    ['the first 50 users until 2096-01-01T00:00:00Z', { window => { count => 50,
        by => 'user', until => '2096-01-01T00:00:00Z' } }],
    ['5 % of devices, and list staff', { lists => ['staff'], percent => 5 }],
    ['list staff; only brand a, b, c, d, e or 2 more', { lists => ['staff'] },
        { attribute => 'brand', op => 'in', values => [qw(a b c d e f g)] }],
    ["list staff; not brand x\\u{202E} in any case or absent; only os_version from 9 to 14",
        { lists => ['staff'] }, { attribute => 'brand', op => 'not_in',
            values => ["x\x{202e}"], fold => JSON::PP::true, absent => JSON::PP::true },
        { attribute => 'os_version', op => 'range', min => '9', max => '14' }],
    ['list staff; not ram below 2.5', { lists => ['staff'] },
        { attribute => 'ram', op => 'not_range', as => 'number', below => 2.5 }])
{
    my ($in_words, $audience, @rules) = @$case;
    my ($r1) = grep { $_->{id} eq 'r1' } @{ $words->{releases} };
    @$r1{qw(audience rules priority)} = ($audience, \@rules, -2);
    delete @$r1{qw(start end)};
    delete $r1->{rules} if !@rules;
    $d->must('apply', $d->put_json('shop.json', $words), '--force');
    my ($line) = $d->does(qw(status shop)) =~ /r1  (.*?)(?:  window: .*)?\n/;
    is $line, "$in_words; priority -2", $in_words;
}

my $before = $d->tree;
$d->must('status');
$d->untouched($before, 'status');

done_testing;
