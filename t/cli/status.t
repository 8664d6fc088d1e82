#!/usr/bin/perl

# status: what is in force.

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
state: \d+ bytes; windows and marks \d+, 0 devices \d+\n\z/, 'an empty depot';
my $empty = $d->asks('status');
my $kept  = delete $empty->{state};
is_deeply $empty, { serial => 0, apps => [] }, 'for machines';
is $kept->{bytes}, $kept->{windows_bytes} + $kept->{devices_bytes},
    'the state is as large as its parts';
is_deeply [@$kept{qw(devices passed_over max_bytes)}], [0, 0, undef],
    '... no device yet, and no worker has said how large it may be';


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
like $out, qr/^shop: serial 11, 2 packages, 1 lists?, 2 releases, key \w{16}$/m,
    'how much there is';
like $out, qr/^  running +upgrade 1  r1  \{"all":true\}$/m, 'a release';
like $out, qr/^  paused +upgrade 2  r2  \{"lists":\["staff"\]\}$/m,
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

my ($code, undef, $err) = $d->run(qw(status none));
is $code, 1, 'an unknown app: exit 1';
like $err, qr/there is no app "none"/, 'and its name';
$d->misused('one argument too many', qw(status a b));

my $before = $d->tree;
$d->must('status');
$d->untouched($before, 'status');

done_testing;
