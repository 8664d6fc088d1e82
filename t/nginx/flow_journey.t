# A user with devices on three platforms is taken through it all, by devices
# that do what docs/client.md says (mdsctl check) against a real nginx: pushed
# gray, upgraded on one, overtaken by a newer gray, then by an official version,
# and the list empty once the messages have expired.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Test::More;

my $t   = MDS->new(workers => 2, main => "env MDS_CLOCK;\n");
my $app = 'com.example.shop';
my @all = qw(android ios mac);

$ENV{MDS_CLOCK} = "$t->{dir}/clock";
days(0);

# From now on it is so many days later.
sub days { $t->write('clock', $_[0] * 86400 * 1000) }

sub after { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + $_[0] * 86400)) }

my @packages = map { my $platform = $_; map {
    { kind => 'upgrade', platform => $platform, version => $_,
      file => "$platform-$_" } }
    qw(3.0 3.1 3.2 3.3 3.4) } @all;

$t->write("$_->{platform}-$_->{version}", "$_->{platform} $_->{version} " x 1000)
    for @packages;

# The document with this version official on every platform.
sub official {
    my ($version) = @_;
    $t->mdsctl('apply', '--force', $t->document({ app => $app,
        packages => \@packages, releases => [ map { { id => "$_-$version",
            kind => 'upgrade', platform => $_, version => $version,
            audience => { all => JSON::PP::true } } } @all ] }));
}

sub push_to {
    my ($days, @to) = @_;
    $t->mdsctl('message', 'push', $app, '--users', "$t->{dir}/users",
        (map { ('--to', $_) } @to), '--until', after($days));
}

# "ID:PLATFORM:VERSION" of each in the user's list, "r" behind what is read.
sub listed {
    my ($user) = @_;
    my $r = $t->get("/mds/v1/messages?app=$app&user=$user&n=1000");
    return join ' ', map { "$_->{id}:$_->{platform}:$_->{version}"
        . ($_->{read} ? ':r' : '') } @{ decode_json($r->body)->{messages} };
}

# A device checks; it has the new version afterwards. What it says of it.
my %has = map { $_ => '3.0' } @all;
sub check {
    my ($user, $platform) = @_;
    my $said = decode_json($t->mdsctl('--json', 'check', $t->url('/mds/v1/'),
        '--pub', "$t->{dir}/test.pub", '--out', "$t->{dir}/installed",
        "app=$app", 'kind=upgrade', "platform=$platform", "user=$user",
        "device=$user-$platform", "version=$has{$platform}"));

    $has{$platform} = $said->{version} // $has{$platform};
    my $marks = $said->{marks} ? decode_json($said->{marks}) : {};
    return join ', ', $said->{release} // 'nothing',
        exists $marks->{delete_through} ? "delete $marks->{delete_through}" : (),
        exists $marks->{read}
            ? 'read ' . JSON::PP->new->encode($marks->{read}) : ();
}

$t->depot;
$t->write('users', "alice\ncarol\n");
official('3.0');
$t->start(<<'EOF_CONFIG');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /mds/v1/check    { mds_check; }
    location = /mds/v1/messages { mds_messages; }
    location   /mds/v1/files/   { mds_files; }
}
EOF_CONFIG

is(check('alice', $_), 'nothing', "$_: the official version, nothing to do")
    for @all;

# --- gray, on all platforms at once

push_to(10, map { "$_=3.1" } @all);
is(listed('alice'), '1:android:3.1 2:ios:3.1 3:mac:3.1', 'pushed');
is(listed('bob'), '', '... to others not');
is(check('bob', 'android'), 'nothing', '... who get nothing');
is(check('alice', 'android'), 'message-1', 'android: upgraded');
is($t->read('installed'), 'android 3.1 ' x 1000, '... to that build');
is(check('alice', 'android'), 'nothing', '... once');
is(listed('alice'), '1:android:3.1 2:ios:3.1 3:mac:3.1',
    '... which is for the others still to be read');

# --- a newer gray takes over, the older one is cleaned up

push_to(20, 'android=3.2', 'ios=3.2');
is(check('alice', 'android'), 'message-4, delete 1', 'android: the newer one');
is(listed('alice'), '2:ios:3.1 3:mac:3.1 4:android:3.2 5:ios:3.2',
    '... and the older one is gone');
is(check('alice', 'ios'), 'message-5, delete 2', 'ios: past the older one');
is(listed('alice'), '3:mac:3.1 4:android:3.2 5:ios:3.2', '... which is gone');
is(listed('carol'), '1:android:3.1 2:ios:3.1 3:mac:3.1 4:android:3.2 5:ios:3.2',
    "nobody else's list has changed");

# --- an official version ends it

official('3.3');
is(check('alice', $_), "$_-3.3", "$_: the official version") for @all;
is(check('alice', $_), 'nothing', "$_: once") for @all;
is(listed('alice'), '3:mac:3.1 4:android:3.2 5:ios:3.2',
    'what is overtaken stays until it expires');

# --- expired: marked by any device, and gone

days(12);
is(check('alice', 'ios'), 'nothing, delete 3', 'one has expired: it goes');
days(25);
is(check('alice', 'mac'), 'nothing, delete 5', 'all have expired: all go');
is(listed('alice'), '', 'the list is empty');
is(check('alice', $_), 'nothing', "$_: nothing to say") for @all;

isnt(listed('carol'), '', 'who never asked still has a list');
days(51);
is(listed('carol'), '', '... until 30 days after');

# --- ids go on

push_to(100, 'android=3.4');
official('3.4');
is(listed('alice'), '6:android:3.4', 'ids are not used again');
is(check('alice', 'android'), 'android-3.4',
    'no longer above the official one: no hit');

$t->finish;
