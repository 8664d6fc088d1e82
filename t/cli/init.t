#!/usr/bin/perl

# init: a depot with the right owners and modes, in an empty place alone; what
# was left half made is finished.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use File::Temp qw(tempdir);
use Test::More;

use Ctl;
use Depot;

my $dir = tempdir(CLEANUP => 1);

sub init { ctl('--depot', "$dir/$_[0]", @_[1 .. $#_], 'init') }

sub mode { sprintf '%o', (stat "$dir/$_[0]")[2] & 07777 }

umask 077;
my ($code, $out, $err) = init('d');
is "$code:$err", '0:', 'init';
like $out, qr/\Q$dir\E\/d\b/, 'says where';

for my $case (['', '755'], ['/CURRENT', '644'], ['/files', '755'],
    ['/lists', '755'], ['/catalog', '755'], ['/catalog/0.mdb', '444'],
    ['/journal', '700'], ['/state', '2770'],
    ['/state/devices', '2770'])
{
    is mode("d$case->[0]"), $case->[1], "mode of DIR$case->[0]";
}

# Workers read everything but the journal, and write the state.
SKIP: {
    skip 'only root gives files away', 10 if $> != 0;

    my ($user) = grep { defined getpwnam $_ } qw(www-data nobody);
    my @pw = getpwnam $user;
    is_deeply [(stat "$dir/d/state")[4, 5]], [@pw[2, 3]],
        "the state is $user\'s";
    is_deeply [(stat "$dir/d$_")[4]], [0], "DIR$_ is the loader's"
        for '', '/files', '/journal', '/catalog';

    ($code) = ctl('--depot', "$dir/u", 'init', '--user', 'daemon',
        '--group', 'adm');
    is $code, 0, '--user and --group';
    is_deeply [(stat "$dir/u/state")[4, 5]],
        [(getpwnam 'daemon')[2], (getgrnam 'adm')[2]], 'are given the state';
    is mode('u/state'), '2770', 'with the set-group-id bit';

    ($code) = ctl('--depot', "$dir/g", 'init', '--group', 'adm');
    is_deeply [(stat "$dir/g/state")[5]], [(getgrnam 'adm')[2]],
        '--group alone';
    is((stat "$dir/g/state")[4], $pw[2], 'leaves the user as by default');
}

for my $case (['--user', 'no-such-user'], ['--group', 'no-such-group']) {
    ($code, $out, $err) = ctl('--depot', "$dir/n", 'init', @$case);
    is $code, 2, "@$case: exit 2";
    like $err, qr/no-such-/, "@$case: names it";
    ok !-e "$dir/n", "@$case: nothing is made";
}

# It works at once, and is empty.
my $d = Depot->new(dir => $dir, depot => "$dir/d");
sub empty {
    my $status = $_[0]->asks('status');
    is delete($status->{state})->{devices}, 0, "$_[1]: no devices";
    is_deeply $status, { serial => 0, apps => [] }, $_[1];
}
empty($d, 'nothing in it');
is_deeply $d->asks('log'), [], 'nothing was done';
is $d->decides('app=a', 'kind=upgrade')->{action}, 'none', 'nothing for you';

# A second time, or where something else is: no.
$d->refuses('is a depot already', 'init');

mkdir "$dir/full";
$d->put('full/photo.jpg', 'x');
for my $left ('photo.jpg', '.bashrc', '.git') {
    my $place = "$dir/with-$left";
    mkdir $place;
    open my $file, '>', "$place/$left" or die;
    close $file;
    chmod 0711, $place;

    {
        ($code, undef, $err) = ctl('--depot', $place, 'init');
        is $code, 1, "a directory with $left: exit 1";
        like $err, qr/not empty/, "a directory with $left: says why";
        is_deeply [glob "$place/*"],
            [$left =~ /^\./ ? () : "$place/$left"], 'nothing is made in it';
        is sprintf('%o', (stat $place)[2] & 07777), '711',
            'its mode is as it was';
    }
}

($code, undef, $err) = init('full/photo.jpg');
is $code, 1, 'a file in its place: exit 1';
like $err, qr/photo\.jpg/, 'and its name';
is Ctl::read_file("$dir/full/photo.jpg"), 'x', 'the file is as it was';

($code, undef, $err) = init('none/d');
is $code, 1, 'no such directory above: exit 1';
like $err, qr/\Q$dir\E\/none/, 'and its name';

mkdir "$dir/empty";
($code) = init('empty');
is $code, 0, 'an empty directory is fine';

# What a killed init left behind, step by step.
for my $step (
    [sub { }, 'nothing but the directory'],
    [sub { mkdir "$_[0]/$_" for qw(files lists catalog) }, 'some directories'],
    [sub { mkdir "$_[0]/$_" for qw(files lists catalog journal state);
           system 'cp', '-a', "$dir/d/journal", $_[0] }, 'the journal'],
    [sub { system "cp -a $dir/d/. $_[0]/; rm $_[0]/CURRENT" },
        'all but CURRENT'],
    [sub { system "cp -a $dir/d/. $_[0]/; rm $_[0]/CURRENT;"
           . " mv $_[0]/catalog/0.mdb $_[0]/catalog/.tmp-0.mdb" },
        'a generation half made'],
) {
    my $half = tempdir(DIR => $dir);
    $step->[0]->($half);
    ($code, undef, $err) = ctl('--depot', $half, 'init');
    is "$code:$err", '0:', "$step->[1]: finished by the next init";
    my $after = Depot->new(dir => $dir, depot => $half);
    empty($after, "$step->[1]: and works");
    like $after->does('list', 'add', 'a', 'staff', 'u'), qr/^serial 1$/m,
        "$step->[1]: and takes changes";
}

($code, $out) = ctl('--json', '--depot', "$dir/j", 'init');
is_deeply decode_json($out), { depot => "$dir/j", serial => 0,
    dry_run => JSON::PP::false }, '--json';

# The lock is a mapping that workers write to: it has no holes.
my @lock = stat "$dir/j/state/lock.mdb";
cmp_ok $lock[12] * 512, '>=', $lock[7], 'the lock lies on the disk, all of it';

# Other commands where there is no depot say what to do.
for my $command (['status'], ['log'], ['export', 'a'], ['pause', 'a', 'r'],
    ['list', 'show', 'a'], ['explain', 'app=a', 'kind=k'])
{
    for my $place ('nowhere', 'empty-place') {
        mkdir "$dir/empty-place";
        ($code, $out, $err) = ctl('--depot', "$dir/$place", @$command);
        is $code, 1, "@$command in $place: exit 1";
        like $err, qr/\Q$dir\E\/$place/, "@$command in $place: names it";
    }
}

done_testing;
