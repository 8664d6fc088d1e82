#!/usr/bin/perl

# Messages say which word is wrong, what there is in its place, and what was
# probably meant; they do not repeat what was typed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Ctl ();
use Depot;

my $d = Depot->new;
my $file = $d->put('one', 'one');

$d->must('publish', $file, qw(--app com.example.shop --kind upgrade --platform
    android --version), $_) for '3.1.0', '3.2.0';
$d->must('publish', $file, qw(--app com.example.shop --kind bundle --name home
    --version 1 --channel store));
$d->must(qw(list add com.example.shop staff alice));
$d->must(qw(release com.example.shop r-3.1 --kind upgrade --version 3.1.0
    --all));

sub says { my ($words, @args) = @_; $d->refuses(quotemeta($words) . '$', @args) }

sub usage {
    my ($words, @args) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $d->misused(quotemeta($words) . '$', @args);
}

# --- commands and options

usage('unknown command "relase"; did you mean release?', 'relase');
usage('unknown command "list ad"; want one of: import, add, remove, show;'
    . ' did you mean add?', qw(list ad));
usage('unknown command "frobnicate"', 'frobnicate');
usage('unknown option "--platfrom"; did you mean --platform?', qw(release a b
    --platfrom android));
usage('unknown option "--platfrom"; did you mean --platform?', qw(release a b
    --platfrom=x));
usage('unknown option "--dept"; did you mean --depot?', '--dept', 'x');
usage('unknown option "--xyzzy"', qw(status --xyzzy));

# --- apps, releases, lists

my @wrong = 'com.example.shp';
$d->refuses('there is no app "com\.example\.shp".*com\.example\.shop', @$_) for ['export', @wrong], ['status', @wrong],
    ['pause', @wrong, 'r'], ['promote', @wrong, 'r', '--all'],
    ['list', 'show', @wrong], ['list', 'remove', @wrong, 'l', 'x'],
    ['release', @wrong, qw(r --kind upgrade --version 1 --all)],
    ['message', 'push', @wrong, '--users', $file, qw(--to android=1 --until
        2096-01-01T00:00:00Z)];
says('app "com.example.shop" has no release "r-3.2"; releases: r-3.1; did you'
    . ' mean r-3.1?', $_, 'com.example.shop', 'r-3.2') for qw(pause end);
says('there is no list "stuff" of app "com.example.shop"; lists: staff; did you mean'
    . ' staff?', qw(list show com.example.shop stuff));
says('there is no list "stuff" of app "com.example.shop"; lists: staff; did you mean'
    . ' staff?', qw(list remove com.example.shop stuff alice));

# --- the words of a release

sub release {
    my ($words, @args) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return says($words, qw(release com.example.shop r), @args, '--all');
}

my $err = release('--platform: found "andriod", which no package of upgrade'
    . ' 3.2.0 has; platforms of 3.2.0: android; did you mean android?',
    qw(--kind upgrade --version 3.2.0 --platform andriod));
unlike $err, qr/com\.example\.shop/, 'the command is not repeated';
release('--version: found "3.2.1", which no package of upgrade has; versions'
    . ' of upgrade: 3.1.0, 3.2.0; did you mean 3.2.0?',
    qw(--kind upgrade --version 3.2.1));
release('--kind: found "upgrde", which no package has; kinds of packages:'
    . ' upgrade, bundle; did you mean upgrade?',
    qw(--kind upgrde --version 3.2.0));
release('--name: found "hom", which no package of bundle has; names of bundle:'
    . ' home; did you mean home?', qw(--kind bundle --name hom --version 1));
release('--channel: found "stores", which no package of bundle 1 has; channels'
    . ' of 1: store; did you mean store?',
    qw(--kind bundle --name home --version 1 --channel stores));
says('--list: /0: there is no list "stuff"; lists: staff; did you mean staff?',
    qw(release com.example.shop r --kind upgrade --version 3.2.0 --list stuff));
says('--rule: /0/op: found "inn"; want "in", "not_in", "range" or "not_range"',
    qw(release com.example.shop r --kind upgrade --version 3.2.0 --all --rule),
    '{"attribute":"brand","op":"inn","values":["x"]}');
says('--version: found "latest"; want a version such as "3.2.0" or'
    . ' "3.2.0-rc.1"', 'publish', $file, qw(--app com.example.shop --kind
    upgrade --version latest));
says('there is no upgrade 3.2.0 for platform "andriod"; publish it first;'
    . ' platforms of 3.2.0:'
    . ' android; did you mean android?', qw(message push com.example.shop
    --users), $file, qw(--to andriod=3.2.0 --until 2096-01-01T00:00:00Z));
says('there is no upgrade 3.2.3 for platform "android"; publish it first;'
    . ' versions of upgrade:'
    . ' 3.1.0, 3.2.0; did you mean 3.2.0?', qw(message push com.example.shop
    --users), $file, qw(--to android=3.2.3 --until 2096-01-01T00:00:00Z));

# --- numbers and times

my @release = qw(release com.example.shop gray --kind upgrade --version 3.2.0);
usage("--percent \"$_\": want a number from 0 to 100, such as 5, 5%, 2.5 or"
    . ' .5', @release, '--percent', $_) for '5,5', '', '%', '101', '-1', '1e1',
    'five', '5%%', '0x5';
my %percent = ('5%' => 5, '.5' => 0.5, '2.5' => 2.5, '0' => 0, '100%' => 100,
    '.5%' => 0.5);
for my $text (sort keys %percent) {
    $d->must(@release, '--percent', $text);
    my ($gray) = grep { $_->{id} eq 'gray' }
        @{ $d->asks(qw(export com.example.shop))->{releases} };
    is $gray->{audience}{percent}, $percent{$text}, "--percent $text";
    $d->must('revert', $d->serial);
}
usage("--window \"$_\": want how many devices or users it lets in, such as"
    . ' 5000', @release, '--window', $_) for '', '0', '5k', '1.5';
usage('--until "tomorrow": want a time such as 2026-12-01T00:00:00Z', @release,
    qw(--window 5 --until tomorrow));

# --- what may be meant, and hardly is

my ($code, $out) = $d->run(qw(explain app=com.example.shop kind=upgrade
    plattform=android));
like "$code:" . ($d->run(qw(explain app=com.example.shop kind=upgrade
    plattform=android)))[2], qr/^0:mdsctl: note: attribute "plattform" is one of your own; did you mean platform\?$/m,
    'an attribute';
($code, undef, my $said) = $d->run(@release, '--all', '--rule',
    '{"attribute":"brnad","op":"in","values":["x"]}');
like "$code:$said", qr/^0:mdsctl: warning: release "gray": the attribute "brnad" is one of your own; did you mean brand\?$/m,
    'an attribute of a rule';
($code, undef, $said) = $d->run('publish', $file, qw(--app com.example.shop
    --kind upgrde --version 1));
like "$code:$said", qr/^0:mdsctl: warning: package upgrde 1: the kind "upgrde" is one of your own; did you mean upgrade\?$/m,
    'a kind';

done_testing;
