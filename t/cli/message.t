#!/usr/bin/perl

# message, versions and devices: pushed to a batch of users, listed, withdrawn;
# what is published.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use POSIX qw(strftime);
use Test::More;

use Ctl ();
use Depot;

my $d = Depot->new;
sub until_days { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + $_[0] * 86_400)) }
my $until = until_days(9);

for my $platform (qw(android ios)) {
    $d->must('publish', $d->put("$platform-$_", "$platform $_"), qw(--app shop
        --kind upgrade --platform), $platform, '--version', "$_.0") for 1 .. 3;
}
my $users = $d->put('users.txt', "alice\r\n\nbob\nalice\n");

sub push_args {
    my (@to) = @_;
    return (qw(message push shop --users), $users, '--until', $until,
        map { ('--to', $_) } @to);
}

# "1 android 2.0 unread, ..."
sub list {
    return join ', ', map { "$_->{id} $_->{platform} $_->{version} "
        . ($_->{read} ? 'read' : 'unread') }
        @{ $d->asks(qw(message list), $_[1] // 'shop', $_[0]) };
}

# --- push

my $before = $d->serial;
is $d->does(push_args('android=2.0', 'ios=3.0')),
    'serial ' . ($before + 1) . "\n  + message 1\n  + message 2\n",
    'says which ids there are';
is list('alice'), '1 android 2.0 unread, 2 ios 3.0 unread', 'for one of them';
is list('bob'), '1 android 2.0 unread, 2 ios 3.0 unread', 'for the other';
is list('carol'), '', 'for nobody else';
{
    my ($code, undef, $err) = $d->run(qw(message list none alice));
    is $code, 1, 'a list of no app: exit 1';
    like $err, qr/there is no app "none"; apps: shop/, '... says why';
}
is $d->does(qw(message list shop alice)),
    "1  android 2.0  expires $until  unread\n2  ios 3.0  expires $until  unread\n",
    'in words';
like $d->does(push_args('android=1.0'), 'ios=1.0', '--dry-run'),
    qr/\+ message 3\n  \+ message 4\n/, 'several values behind one --to';
my ($one) = @{ $d->asks(qw(message list shop alice)) };
is_deeply [sort keys %$one], [qw(expires id platform read url version)],
    'for machines';
is scalar(grep { /\.ids$/ } $d->files('lists')), 1, 'the users are stored once';
my $facts = $d->asks(push_args('android=3.0'));
is_deeply [map { "$_->{what} $_->{id}" } @{ $facts->{changes} }], ['message 3'],
    'a push for machines';
is scalar(grep { /\.ids$/ } $d->files('lists')), 1, '... and not once more';
like $d->does(qw(log shop)), qr/message push shop .*\n  \+ message 3$/m, 'log';

my $export = $d->export('shop');
unlike $export, qr/message/, 'messages are no part of the document';
$before = $d->serial;
$d->must('apply', $d->put('export.json', $export));
is $d->serial, $before, '... and are nothing that an apply finds changed';
is list('bob'), '1 android 2.0 unread, 2 ios 3.0 unread, 3 android 3.0 unread',
    '... or takes away';

# --- what is refused changes nothing, and costs no id

for my $case (
    ['android=9.0', qr/no upgrade 9\.0 for platform "android"; publish it/],
    ['tv=2.0', qr/no upgrade 2\.0 for platform "tv"; publish it/],
    ['android=new', qr/"new" is not a version/],
) {
    my ($to, $words) = @$case;
    $d->refuses($words, push_args('ios=1.0', $to));
}
$d->refuses(qr/No such file/, qw(message push shop --users), "$d->{dir}/none",
    '--to', 'android=2.0', '--until', $until);
$d->refuses(qr/there is no app "game"/, qw(message push game --users), $users,
    '--to', 'android=2.0', '--until', $until);
$d->refuses(qr/there is no message 77/, qw(message withdraw shop 77));
$d->refuses(qr/there is no app "game"/, qw(message withdraw game 1));
{
    local $d->{key} = undef;
    $d->refuses(qr/--key FILE/, push_args('android=1.0'));
}
$d->misused(qr/--users is missing/, qw(message push shop --to android=2.0
    --until), $until);
$d->misused(qr/--to is missing/, qw(message push shop --users), $users,
    '--until', $until);
$d->misused(qr/--until is missing/, qw(message push shop --users), $users,
    qw(--to android=2.0));
$d->misused(qr/--until "soon": must be a time/, qw(message push shop --users), $users,
    qw(--to android=2.0 --until soon));
$d->misused(qr/--until 2020-01-01T00:00:00Z is over/, qw(message push shop
    --users), $users, qw(--to android=2.0 --until 2020-01-01T00:00:00Z));
$d->misused(qr/--to android is not PLATFORM=VERSION/, push_args('android'));
$d->misused(qr/--to =2\.0 is not PLATFORM=VERSION/, push_args('=2.0'));
$d->misused(qr/"x" is not the id of a message/, qw(message withdraw shop x));
$d->misused(qr/"1x" is not the id of a message/, qw(message withdraw shop 1x));
$d->misused(qr/message/, qw(message));
$d->misused(qr/unknown command "message pull"/, qw(message pull shop));
$d->misused(qr/./, qw(message list shop));

# --- withdraw

is $d->does(qw(message withdraw shop 2)), 'serial ' . ($before + 1)
    . "\n  - message 2\n", 'withdrawn';
is list('bob'), '1 android 2.0 unread, 3 android 3.0 unread', '... is gone';
$d->refuses(qr/there is no message 2/, qw(message withdraw shop 2));
$d->must(qw(message withdraw shop 3));
$d->must(push_args('ios=2.0'));
is list('bob'), '1 android 2.0 unread, 4 ios 2.0 unread',
    'the id of the newest, withdrawn, is not given again';

# --- revert: a push is taken back, its id stays taken

my $push = $d->serial;
$d->must('revert', $push);
is list('bob'), '1 android 2.0 unread', 'a push is undone';
$d->must(push_args('ios=2.0'));
is list('bob'), '1 android 2.0 unread, 5 ios 2.0 unread',
    '... and its id is not given again';
$d->must(qw(message withdraw shop 1));
$d->must('revert', $d->serial);
is list('bob'), '1 android 2.0 unread, 5 ios 2.0 unread',
    'a withdrawal is undone';
$d->must(push_args('ios=2.0'));
is list('bob'), '1 android 2.0 unread, 5 ios 2.0 unread, 6 ios 2.0 unread',
    '... ids go on';

# --- what is kept

$d->must(qw(gc --grace 0 --keep-generations 1));
is list('alice'), '1 android 2.0 unread, 5 ios 2.0 unread, 6 ios 2.0 unread',
    'gc keeps the users of messages';
$d->does('verify');
my $clock = $d->put('clock', '0');
$ENV{MDS_CLOCK} = $clock;
$d->put('clock', 1000 * 86_400 * 38);
isnt list('bob'), '', 'expired: kept for 30 days';
$d->put('clock', 1000 * 86_400 * 40);
is list('bob'), '', '... and then gone';
delete $ENV{MDS_CLOCK};

# --- many users

my $many = $d->put('many.txt', join '', map { "user-$_\n" } 1 .. 100_000);
$d->must(qw(message push shop --users), $many, '--until', $until,
    qw(--to android=3.0));
is list($_), '7 android 3.0 unread', "$_ of 100,000"
    for qw(user-1 user-50000 user-100000);
is list('user-100001'), '', '... and no other';

# --- versions and devices

is $d->does(qw(versions shop)), join('', "published:\n",
    (map { my $p = $_; map { "  upgrade $p $_.0\n" } 1 .. 3 } qw(android ios)),
    "installed:\n"), 'versions';
my $versions = $d->asks(qw(versions shop));
is scalar(@{ $versions->{published} }), 6, 'for machines';
is_deeply $versions->{published}[0],
    { kind => 'upgrade', platform => 'android', version => '1.0' }, '... each';
is_deeply $versions->{installed}, [], '... nobody was seen';
$d->refuses(qr/there is no app "none"/, qw(versions none));
$d->misused(qr/./, qw(versions));
is $d->does(qw(devices shop alice)), '', 'devices: none yet';
is_deeply $d->asks(qw(devices shop alice)), [], '... for machines';
$d->refuses(qr/there is no app "none"/, qw(devices none alice));
$d->refuses(qr/there is no app "none"/, qw(--json devices none alice));
$d->refuses(qr/there is no app "none"/, qw(devices none --forget alice));
$d->misused(qr/./, qw(devices shop));

done_testing;
