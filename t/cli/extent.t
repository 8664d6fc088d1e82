#!/usr/bin/perl

# A step loads the resources and lists that it may touch, and no more. Nothing
# of that shows: what others have stays as it is, in the document and in what
# devices get, and rules that concern all of an app hold.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Depot;

my $true = JSON::PP::true;
my $d    = Depot->new(user => 'root');

$d->put("p$_", Depot::noise($_, 2000)) for 1 .. 2;
$d->put('users', "alice\n");

# Releases of three resources, mixed, with a list for each.
my @names = qw(left right);
$d->put_json('a.json', { app => 'a', poll => { after_s => 60 },
    lists => { map { $_ => { ids => ["of-$_"] } } @names, 'unused' },
    releases => [ map { my $n = $_; ((map { { id => "$_-$n", kind => 'bundle',
        name => $_, version => "$n", audience => { lists => [$_] } } } @names),
        { id => "key-$n", kind => 'config', name => "k$n", value => $n,
        audience => { all => $true } }) } 1 .. 2 ],
    packages => [ map { my $n = $_; (map { { kind => 'bundle', name => $_,
        version => "$n", file => "p$n", deltas => 0 } } @names),
        { kind => 'upgrade', version => "$n", file => "p$n", deltas => 0 },
        } 1 .. 2 ] });
$d->must('apply', "$d->{dir}/a.json");

# What each of the users gets of each resource, and the configuration.
sub answers {
    return [ map {
        [ @{ $d->asks('explain', 'app=a', 'device=d', @$_) }{
            qw(reason action version)} ] }
        (map { my $name = $_; map { [ 'kind=bundle', "name=$name", 'version=0',
        "user=$_" ] } 'of-left', 'of-right', 'new' } @names),
        [ 'kind=config' ], [ qw(kind=upgrade version=1 platform=x user=alice) ] ];
}

# --- the document keeps its order, and answers of others stay

my $before = $d->asks(qw(export a));
my $was    = answers();

$d->does(qw(pause a right-2));
my $after = $d->asks(qw(export a));
$_->{state} = 'paused' for grep { $_->{id} eq 'right-2' }
    @{ $before->{releases} };
$before->{serial} = $after->{serial};
is_deeply $after, $before, 'pause: one word of the document';

$d->does(qw(resume a right-2));
is_deeply answers(), $was, 'resume: what devices got before';

$d->does(qw(list add a left new));
is_deeply [ map { $_->[0] } @{ answers() }[ 0 .. 2 ] ], [ $was->[0][0],
    $was->[1][0], $was->[0][0] ], 'list add: in force for its releases';

$d->does(qw(message push a --users), "$d->{dir}/users",
    qw(--to x=2 --until 2040-01-01T00:00:00Z));
$d->does(qw(release a left-3 --kind bundle --name left --version 1 --percent 1));
is_deeply [ map { $_->{id} } @{ $d->asks(qw(export a))->{releases} } ],
    [qw(left-1 right-1 key-1 left-2 right-2 key-2 left-3)], 'the order';
is $d->asks(qw(message list a alice))->[0]{version}, 2,
    'a message outlives changes of others';

# --- what concerns the whole app

$d->refuses(qr/there is a release "left-1" already/,
    qw(release a left-1 --kind bundle --name right --version 1 --all));
$d->refuses(qr/--list: .*"nobody"/,
    qw(promote a right-1 --list nobody));
$d->refuses(qr/has no release "left-4"; .*left-1/, qw(pause a left-4));
$d->refuses(qr/list "right" is needed by release "right-1"/,
    qw(remove list a right));
$d->does(qw(promote a right-1 --list unused));
$d->refuses(qr/list "unused" is needed by release "right-1"/,
    qw(remove list a unused));

# --- reverted, by the step alone or by the whole app

my $serial = $d->serial;
$d->does('revert', $serial);
is_deeply $d->asks(qw(export a))->{releases}[1]{audience}, { lists => ['right'] },
    'revert: the audience';
$d->does(qw(end a left-1));
$d->does(qw(remove release a left-1));
$d->does('revert', $d->serial);
is_deeply [ map { $_->{id} } @{ $d->asks(qw(export a))->{releases} } ],
    [qw(left-1 right-1 key-1 left-2 right-2 key-2 left-3)],
    'revert: a release has its place again';
is_deeply $d->asks('verify')->{problems}, [], 'and the depot is good';

done_testing;
