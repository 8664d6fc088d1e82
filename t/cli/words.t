#!/usr/bin/perl

# Messages say which word is wrong, what there is in its place, and what was
# probably meant; they do not repeat what was typed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::Local qw(timegm);

use Ctl ();
use Depot;

my $d = Depot->new(user => 'root');
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
says('--list: there is no list "stuff"; lists: staff; did you mean staff?',
    qw(release com.example.shop r --kind upgrade --version 3.2.0 --list stuff));
usage('--rule: /0/op: found "inn"; want "in", "not_in", "range" or "not_range"',
    qw(release com.example.shop r --kind upgrade --version 3.2.0 --all --rule),
    '{"attribute":"brand","op":"inn","values":["x"]}');
usage('--version: found "latest"; want a version such as "3.2.0" or'
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
usage("--percent \"$_\": must be a number from 0 to 100, such as 5, 5%, 2.5 or"
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
usage("--window \"$_\": must be how many devices or users it lets in, such as"
    . ' 5000 or 5k', @release, '--window', $_) for '', '0', '5K', 'k', '1.5',
    '9223372036854775808', '9223372036854775807k';
my $time = 'must be a time such as 2026-12-01T00:00:00Z, or from now on, such as'
    . ' 90m, 36h or 7d';
usage("--until \"$_\": $time", @release, qw(--window 5 --until), $_)
    for 'tomorrow', '', '7', 'd', '7w', '7d2h', '-7d', '2026-12-01';

sub gray_with {
    my (@options) = @_;
    $d->must(@release, @options);
    my ($gray) = grep { $_->{id} eq 'gray' }
        @{ $d->asks(qw(export com.example.shop))->{releases} };
    $d->must('revert', $d->serial);
    return $gray;
}
my %count = ('5k' => 5000, '2M' => 2_000_000, '3Ki' => 3072, '7' => 7);
is gray_with('--window', $_)->{audience}{window}{count}, $count{$_}, "--window $_"
    for sort keys %count;
is gray_with(qw(--all --priority), $_)->{priority}, $_, "--priority $_" for -3, 4;
usage("--priority \"$_\": must be a whole number", @release, qw(--all),
    "--priority=$_") for 'high', '', '1.5', '--1';

# Times from now on, to the second.
sub about {
    my ($time, $seconds, $name) = @_;
    my $at = timegm(reverse((map { $_ } $time =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)Z$/)[0],
        (map { $_ } $time =~ /^\d+-(\d+)/)[0] - 1, ($time =~ /^\d+-\d+-(\d+)T(\d+):(\d+):(\d+)/)));
    cmp_ok abs($at - time - $seconds), '<', 30, $name;
}
my $g = gray_with(qw(--window 5 --until 36h --start 90m --end 7d));
about($g->{audience}{window}{until}, 36 * 3600, '--until 36h');
about($g->{start}, 90 * 60, '--start 90m');
about($g->{end}, 7 * 86400, '--end 7d');
$g = gray_with('--ramp', '1%-50,2h,2096-01-01T00:00:00Z');
is_deeply [ @{ $g->{audience}{ramp} }{qw(from to end)} ],
    [ 1, 50, '2096-01-01T00:00:00Z' ], '--ramp with a begin';
about($g->{audience}{ramp}{start}, 7200, '... that is a duration');
about(gray_with('--ramp', '0-100,7d')->{audience}{ramp}{start}, 0, '--ramp from now on');
usage("--ramp \"$_\": must be two percentages and when the second is reached, such as"
    . ' 1-100,7d, or when it begins and ends: 1-100,2h,7d', @release, '--ramp', $_)
    for '5', '5-10', '5,7d', '5-101,7d', 'a-b,7d', '-5,7d', '5-,7d';
usage("--ramp \"x\": $time", @release, '--ramp', '1-5,x');

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
