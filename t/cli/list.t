#!/usr/bin/perl

# list: ids by file and one by one, few and a million, and who is on them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;

my $d = Depot->new(user => 'root');
$d->must('publish', $d->put('v1', 'one'), qw(--app a --kind upgrade
    --version 1));
$d->must(qw(list add a users nobody));
$d->must(qw(list add a devices nothing --by device));
$d->must(qw(release a r --kind upgrade --version 1 --list users --list
    devices));
delete $d->{key};   # no list needs one

sub on { $d->decides(qw(app=a kind=upgrade), @_)->{action} eq 'install' }

sub lines { [split /\n/, $d->must(qw(list show a), @_)] }

sub numbers { $d->asks(qw(list show a), @_) }

# The same numbers of a list that is too long for JSON::PP.
sub number {
    my ($list, $name) = @_;
    my ($n) = $d->must(qw(--json list show a), $list) =~ /"$name": (\d+)/;
    return $n;
}

# --- one by one

like $d->does(qw(list add a users alice bob)),
    qr/^serial \d+\n  ~ external users: ids\n\z/, 'add says what changed';
is_deeply lines('users'), [qw(nobody alice bob)], 'they are there';
ok on('user=alice'), 'and hit';
ok !on('user=carol'), 'others do not';
ok !on('device=alice'), 'a list of users looks at users';
like $d->does(qw(list add a users alice)), qr/^no change/, 'again: no change';
$d->does(qw(list remove a users alice));
ok !on('user=alice'), 'removed: no hit';
is_deeply lines('users'), [qw(nobody bob)], 'and not shown';
like $d->does(qw(list remove a users alice)), qr/^no change/,
    'removed again: no change';
$d->does(qw(list add a devices dev-1));
ok on('device=dev-1'), 'a list by device';
ok !on('user=dev-1'), 'looks at devices';
$d->does(qw(list add a users), 'Ünïcode 用户', 'with blanks in it', '--', '-x');
is_deeply [map { on("user=$_") ? 1 : 0 } 'Ünïcode 用户', 'with blanks in it',
    '-x', 'with'], [1, 1, 1, 0], 'any UTF-8 is an id';
$d->must(qw(list remove a users), 'Ünïcode 用户', 'with blanks in it', '--',
    '-x');

# --- import: replaces, or adds

$d->put('ids', "one\r\ntwo\n\n\r\nthree\ntwo");
$d->does(qw(list import a users), "$d->{dir}/ids");
is_deeply [map { on("user=$_") ? 1 : 0 } qw(one two three bob)], [1, 1, 1, 0],
    'import replaces';
is numbers('users')->{base}, 3, 'doubles count once';
like $d->does(qw(list import a users), "$d->{dir}/ids"), qr/^no change/,
    'the same again: no change';

$d->does(qw(list remove a users two));
$d->does(qw(list add a users beside));
my $shown = numbers('users');
is_deeply [sort @{ delete $shown->{members} }], [qw(beside one three)], 'the ids for machines';
is_deeply $shown, { name => 'users', by => 'user', external => JSON::PP::true, base => 3,
    ids => 1, without => 1, patterns => 0 }, 'single changes stay beside the base';
is_deeply [map { on("user=$_") ? 1 : 0 } qw(one two three beside)],
    [1, 0, 1, 1], 'and hold';
is_deeply [sort @{ lines('users') }], [qw(beside one three)], 'and are shown';

$d->put('more', "three\nfour\nbeside\nfour\n");
$d->does(qw(list import a users --add), "$d->{dir}/more");
is_deeply [map { on("user=$_") ? 1 : 0 } qw(one two three four beside)],
    [1, 0, 1, 1, 1], '--add keeps what was there, and what was taken out';
is_deeply [grep { $_ ne 'four' } @{ lines('users') }], [qw(one three beside)],
    'in their order, none twice';
is_deeply [@{ numbers('users') }{qw(base ids without)}], [4, 0, 0],
    'all in one base';
$d->put('back', "two\n");
$d->does(qw(list import a users --add), "$d->{dir}/back");
ok on('user=two'), 'what was taken out comes back when it is added';
$d->must(qw(list remove a users two));
$d->does(qw(list add a users two));
is numbers('users')->{without}, 0, 'by a single step as well';
like $d->does(qw(list import a users --add), "$d->{dir}/back"), qr/^(?:no change|serial)/,
    'adding what is there works';

# What is shown can be imported: the same list.
$d->put('shown', $d->must(qw(list show a users)));
my $before = [sort @{ lines('users') }];
$d->does(qw(list import a users), "$d->{dir}/shown");
is_deeply [sort @{ lines('users') }], $before, 'out and in: the same';

# A new list, by file; the empty file.
$d->does(qw(list import a fresh --by device), "$d->{dir}/ids");
is numbers('fresh')->{by}, 'device', 'a new list by device';
$d->does(qw(list import a fresh --by user), "$d->{dir}/ids");
is numbers('fresh')->{by}, 'user', '--by changes it';
$d->must(qw(list import a fresh), $d->put('none', "\n\r\n"));
is_deeply lines('fresh'), [], 'a file of nobody is a list of nobody';
$d->does(qw(list add a fresh somebody));
is_deeply lines('fresh'), ['somebody'], 'that can be added to';
my %by_name = map { $_->{name} => $_ } @{ $d->asks(qw(list show a)) };
is_deeply [sort keys %by_name], [qw(devices fresh users)], 'all lists';
like $d->must(qw(list show a)),
    qr/^fresh: by user, 0 ids in the base, 1 added, 0 taken out/m,
    'in words as well';

# --- lists of a document

$d->put_json('doc.json', { app => 'b', lists => { own => { ids => ['x'] },
    p => { patterns => ['^qa-'] } } });
$d->must('apply', "$d->{dir}/doc.json");
like $d->does(qw(list add b own y)), qr/~ list own: ids/,
    'a list of the document can be changed';
is_deeply decode_json($d->export('b'))->{lists}{own}{ids}, ['x', 'y'],
    'which is in the document then';
is $d->asks(qw(list show b p))->{patterns}, 1, 'patterns are counted';

# --- what is wrong changes nothing

my @import = qw(list import a users);
$d->refuses('none": No such file', @import, "$d->{dir}/no/none");
$d->refuses('must be a regular file', @import, $d->{dir});
$d->refuses('line 3: the id is not valid UTF-8', @import, @$_,
    $d->put('bad', "ok\n\nb\xff\n")) for [], ['--add'];
$d->refuses('line 2: the id is too long', @import, @$_,
    $d->put('long', "ok\n" . ('x' x 257) . "\n")) for [], ['--add'];
$d->misused('--by: found', @import, '--by', 'city', "$d->{dir}/ids");
$d->refuses('too long: at most 256', qw(list add a users), 'x' x 257);
$d->refuses('the id is empty', qw(list add a users), '');
$d->refuses('the id', qw(list add a users), "two\nlines");
$d->refuses('there is no list "none"', qw(list remove a none x));
$d->refuses('there is no list "none"', qw(list show a none));
$d->refuses('there is no app "none"', qw(list show none));
$d->refuses('there is no app ""', qw(list add), '', 'l', 'x');
$d->refuses('/app', qw(list add --new-app), '', 'l', 'x');
$d->refuses('/lists/: ', qw(list add a), '', 'x');
$d->misused('argument is missing', qw(list add a users));
$d->misused('argument is missing', qw(list import a users));
$d->misused('argument is missing', qw(list show));
$d->misused('one argument too many', @import, qw(f g));
$d->misused('unknown option "--add"', qw(list add a users x --add));
$d->misused('unknown command "list drop"', qw(list drop a));
$d->misused('UTF-8', qw(list add a users), "\xff");

# --- many: a million ids at once, and more single ones than stay beside

{
    open my $file, '>', "$d->{dir}/million" or die;
    print $file "0a9c1f2e-user-$_-7e41\n" for 1 .. 1_000_000;
    close $file;
}
$d->does(qw(list import a users), "$d->{dir}/million");
is number('users', 'base'), 1_000_000, 'a million ids';
is_deeply [map { on("user=0a9c1f2e-user-$_-7e41") ? 1 : 0 }
    1, 2, 499_999, 777_777, 1_000_000, 0, 1_000_001], [1, 1, 1, 1, 1, 0, 0],
    'who is among them';
my ($set) = sort { $b <=> $a } map { -s } glob "$d->{depot}/lists/*.mdb";
cmp_ok $set, '<', 10_000_000, 'take less than 10 bytes each to look up';
my @names = map { "many-$_" } 1 .. 10_001;
$d->does(qw(list add a users), @names[0 .. 4999]);
is number('users', 'ids'), 5000, 'thousands stay beside the base';
$d->does(qw(list add a users), @names[5000 .. 10_000]);
is_deeply [map { number('users', $_) } qw(base ids)], [1_010_001, 0],
    'more are folded into it';
ok on('user=many-1') && on('user=many-10001') && on(
    'user=0a9c1f2e-user-5-7e41'), 'and all hit';
is scalar @{ lines('users') }, 1_010_001, 'and are shown';

# The journal does not grow with the words that were typed.
$d->must(qw(list add a users), 'xyz', map { 'é' } 1 .. 400);
my $words = $d->asks('log')->[0]{command};
ok length $words < 512 && $words =~ /^list add a users xyz \x{e9} .*\x{e9} ?\z/,
    'long commands are cut, between characters';

done_testing;
