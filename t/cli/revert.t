#!/usr/bin/perl

# revert: one change undone, and nothing else; what stands on it is in its way,
# and is named.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use JSON::PP;
use Test::More;

use Depot;
use Tree;

my $d = Depot->new;
my $true = JSON::PP::true;
my $common = Depot::noise('common', 20_000);
$d->put("v$_", $common . Depot::noise($_, 500)) for 1 .. 4;

# What the app is: without the serial, and in whatever order of keys.
sub shape {
    my $document = $d->asks('export', 'a');
    delete $document->{serial};
    return JSON::PP->new->canonical->pretty->encode($document)
        . join '', map { "$_: " . $d->must(qw(list show a), $_) }
            sort keys %{ $document->{lists} };
}

# Nothing has to be signed anew: no key is at hand from here on in `undo`.
sub undo {
    my ($serial) = @_;
    local $d->{key};
    my ($code, $out, $err) = $d->run('revert', $serial);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $code, 0, "revert $serial: done";
    like $err, qr/\A(?:mdsctl: warning: list "\w+" (?:has no ids now|loses)[^\n]*\n)*\z/,
        "revert $serial: nothing but a list that shrinks is told";
    return $out;
}

# Makes a change, undoes it, does it again by undoing that. The documents have to be the same ones.
sub there_and_back {
    my ($name, @command) = @_;
    my $before = shape();
    $d->must(@command);
    my $after  = shape();
    my $serial = $d->serial;

    isnt $after, $before, "$name: is a change";
    undo($serial);
    is shape(), $before, "$name: is undone";
    undo($serial + 1);
    is shape(), $after, "$name: undone is done again";
    undo($serial + 2);
    is shape(), $before, "$name: and undone once more";
}

# --- each sort of change

$d->must('publish', "$d->{dir}/v$_", qw(--app a --kind upgrade --version), $_)
    for 1, 2;
$d->must(qw(release a r1 --kind upgrade --version 1 --all));
$d->must(qw(release a r2 --kind upgrade --version 2 --percent 50));

there_and_back('publish', 'publish', "$d->{dir}/v3",
    qw(--app a --kind upgrade --version 3));
there_and_back('release', qw(release a r3 --kind upgrade --version 2 --all));
there_and_back('promote', qw(promote a r2 --all));
there_and_back('pause', qw(pause a r2));
there_and_back('end', qw(end a r1));
there_and_back('a list', qw(list add a staff alice bob));

my $doc = JSON::PP->new->utf8->decode($d->export('a'));
$doc->{poll} = { after_s => 60 };
$doc->{channels} = { mi => { delta => JSON::PP::false } };
$doc->{lists} = { staff => { ids => ['alice'] }, x => { external => $true } };
@{ $doc->{releases} } = reverse @{ $doc->{releases} };
push @{ $doc->{packages} }, { kind => 'upgrade', version => '3', file => 'v3' };
$d->put_json('doc.json', $doc);
my $applied;
there_and_back('a document', 'apply', "$d->{dir}/doc.json");
$d->must('apply', '--force', "$d->{dir}/doc.json");
$applied = $d->serial;
there_and_back('an external list', qw(list add a x u1 u2));
$d->put('ids', join '', map { "id-$_\n" } 1 .. 3);
there_and_back('an external list of a file', qw(list import a x),
    "$d->{dir}/ids");
undo($applied);
like $d->must('log'), qr/^\d+ .* a: revert \d+\n/, 'the log has the undoing';

# --- it is in force, and signed as before

my @ask = qw(app=a kind=upgrade version=1 device=d);
$d->must(qw(promote a r2 --all));
my $manifest = $d->decides(@ask)->{manifest};
ok defined $manifest, 'a manifest';
$d->must(qw(pause a r2));
is $d->decides(@ask)->{action}, 'none', 'paused: nothing';
undo($d->serial);
is_deeply $d->decides(@ask)->{manifest}, $manifest,
    'undone: the manifest that was signed before';

# Who has never had the key cannot undo what has to be signed anew.
{
    $d->must(qw(release a new --kind upgrade --version 2 --all --meta {"a":1}));
    $d->must(qw(promote a new --percent 3));
    undo($d->serial);
    is $d->decides(@ask)->{release}, 'new', 'undone without a key';
    undo($d->serial - 2);
}

# --- what changed in between, elsewhere, stays

my $first = do { $d->must(qw(pause a r1)); $d->serial };
$d->must(qw(pause a r2));
$d->must(qw(list add a staff carol));
$d->must(qw(list add b other somebody --new-app));
undo($first);
my %state = map { $_->{id} => $_->{state} // 'running' }
    @{ $d->asks('export', 'a')->{releases} };
is_deeply \%state, { r1 => 'running', r2 => 'paused' }, 'only that one';
is_deeply [split /\n/, $d->must(qw(list show a staff))], ['carol'],
    'a list added in between stays';

# --- what stands on it

$d->must(qw(resume a r2));
my $resumed = $d->serial;
$d->must(qw(pause a r2));
$d->must(qw(end a r2));
my ($next, $last) = ($resumed + 1, $resumed + 2);
$d->refuses(qr/change $resumed cannot be undone: release r2 was changed /
    . qr/later\. .* $next pause a r2 \(.* $last end a r2 \(/,
    'revert', $resumed);
undo($resumed + 2);
undo($resumed + 1);
undo($resumed);

$d->must('publish', "$d->{dir}/v4", qw(--app a --kind upgrade --version 4));
my $published = $d->serial;
$d->must(qw(release a r4 --kind upgrade --version 4 --percent 1));
$next = $published + 1;
$d->refuses(qr/release r4 needs it \(\/releases\/2\/.* $next release a r4 /,
    'revert', $published);
undo($published + 1);
undo($published);

$d->must(qw(list add a gone x));
my $gone = $d->serial;
$d->must(qw(list add a gone), "y$_") for 1 .. 7;
my $words = $d->refuses(qr/gone was changed later/, 'revert', $gone);
like $words, qr/; …\. Undo/, 'many are not all told';
is scalar(() = $words =~ /list add a gone y/g), 5, 'five of them are';

# --- places

sub order { join ' ', map { $_->{id} } @{ $d->asks('export', $_[0])->{releases} } }

sub apply_releases {
    my ($app, @ids) = @_;
    my $serial = eval { $d->asks('export', $app)->{serial} } // 0;
    $d->put_json("$app.json", { app => $app, serial => $serial,
        releases => [ map { { id => $_, kind => 'config', name => 'k',
            value => $_, audience => { all => $true } } } @ids ] });
    $d->must('apply', "$d->{dir}/$app.json");
    return $d->serial;
}

my $s = apply_releases('o', qw(a b c d e));
$s = apply_releases('o', qw(b e));
apply_releases('o', qw(b e f));
undo($s);
is order('o'), 'a b c d e f', 'removed ones are back between their neighbours';

$s = apply_releases('o', qw(c a b d e f));
apply_releases('o', qw(c a b x d e f));
undo($s);
is order('o'), 'a b c x d e f', 'the order is back, and what came in between';

$s = apply_releases('o', qw(f a c b x d e));
apply_releases('o', qw(a f c b x d e));
$d->refuses(qr/: releases was changed later/, 'revert', $s);

$s = apply_releases('o', qw(a f c b x d));
apply_releases('o', qw(a f c b x));
apply_releases('o', qw(a f c b));
undo($s);
is order('o'), 'a f c b e', 'whose neighbour has gone: at the end';

# One that was made anew under the same id is in the way.
$s = apply_releases('o', qw(a f c b));
apply_releases('o', qw(a f c b e));
$d->refuses(qr/release e was changed later.*apply/, 'revert', $s);

# Twins: the same package twice, for two ranges of the app.
{
    my $twins = sub {
        my @max = @_;
        $d->put_json('t.json', { app => 't', packages => [ map { {
            kind => 'hotfix', version => '1', file => "v$_",
            app_version => { max => "$_" } } } @max ] });
        $d->must('apply', '--force', "$d->{dir}/t.json");
        return $d->serial;
    };
    my $max = sub { join ' ', map { $_->{app_version}{max} }
        @{ $d->asks('export', 't')->{packages} } };
    $twins->(1, 2, 3);
    my $one = $twins->(1);
    undo($one);
    is $max->(), '1 2 3', 'twins are told apart';
    my $swapped = $twins->(2, 1, 3);
    undo($swapped);
    is $max->(), '1 2 3', 'twins that changed places';
}

# --- the first change of an app leaves an app of nothing

$d->must(qw(list add fresh l u --new-app));
my $fresh = $d->serial;
undo($fresh);
is_deeply $d->asks('export', 'fresh'),
    { app => 'fresh', serial => $fresh + 1 }, 'an empty document';
undo($fresh + 1);
is $d->must(qw(list show fresh l)), "u\n", 'and back';

# --- messages

$d->put('users', "alice\n");
$d->must(qw(message push a --users), "$d->{dir}/users",
    qw(--to android=2 --until 2090-01-01T00:00:00Z));
my $pushed = $d->serial;
my $listed = sub { join ' ', map { $_->{id} }
    @{ $d->asks(qw(message list a alice)) } };
is $listed->(), '1', 'a message';
undo($pushed);
is $listed->(), '', 'its push undone';
undo($pushed + 1);
is $listed->(), '1', 'and done again';
$d->must(qw(message withdraw a 1));
undo($pushed + 3);
is $listed->(), '1', 'what was withdrawn is back';

# --- killed at every call: undone, or not

SKIP: {
    my $cc = $ENV{CC} // 'cc';
    system("$cc -shared -fPIC -o $d->{dir}/killer.so"
        . " '$FindBin::Bin/lib/killer.c' -ldl") == 0 or skip 'no compiler', 2;
    my $k = Depot->new(dir => $d->{dir}, depot => "$d->{dir}/kill");
    $k->must('publish', "$d->{dir}/v$_", qw(--app a --kind upgrade --version),
        $_) for 1, 2;
    $k->must(qw(release a r --kind upgrade --version 2 --all));
    my $serial = $k->serial;
    my $export = sub { $k->export('a') =~ s/"serial": \d+,//r };
    my $before = $export->();
    $k->must(qw(pause a r));
    my $paused = $export->();
    copy_tree("$d->{dir}/kill", "$d->{dir}/kill-base");

    my ($at, @wrong) = 0;
    for (;;) {
        copy_tree("$d->{dir}/kill-base", "$d->{dir}/kill");
        my $end = do {
            local $ENV{LD_PRELOAD} = join ' ', grep { length }
                $ENV{TEST_NGINX_PRELOAD} // '', "$d->{dir}/killer.so";
            local $ENV{KILLER_AT} = ++$at;
            ($k->run('revert', $serial + 1))[0];
        };
        my $now = $export->();
        push @wrong, "call $at: $now" if $now ne $before && $now ne $paused;
        push @wrong, "call $at: done, and is not" if $end eq '0'
            && $now ne $before;
        $k->must('revert', $serial + 1) if $now eq $paused;
        push @wrong, "call $at: not done again" if $export->() ne $before;
        my ($code, $out) = $k->run('verify');
        push @wrong, "call $at: $out" if $code ne 0;
        last if $end eq '0' || @wrong > 3;
    }
    is_deeply \@wrong, [], "killed at each of $at calls";
    cmp_ok $at, '>', 10, 'there are some';
}

# --- a list that no release names: what was not loaded for it stays

{
    my $e = Depot->new;
    $e->put($_, "$_\n") for qw(file one two);
    $e->put('document.json', JSON::PP->new->encode({ app => 'a',
        lists => { l => { external => $true } },
        packages => [ { kind => 'bundle', name => 'n', version => '1', file => 'file' } ],
        releases => [ { id => 'r', kind => 'bundle', name => 'n', version => '1',
            audience => { all => $true } } ] }));
    $e->must('apply', "$e->{dir}/document.json");
    $e->must(qw(list import a l), "$e->{dir}/one");
    my ($before, $after);
    $before = $e->asks('export', 'a');
    $e->must(qw(list import a l), "$e->{dir}/two");
    $e->must('revert', $e->serial);
    $after = $e->asks('export', 'a');
    delete $_->{serial} for $before, $after;
    is_deeply $after, $before, 'a list of no release: undone, and the rest of the app is there';
    $e->must('verify');
}

# --- what cannot be

$d->refuses(qr/there is no change 9999 in the log; the last one is \d+/,
    qw(revert 9999));
$d->misused(qr/"$_" is not a serial/, 'revert', $_)
    for '0', 'x', '1x', '', '9' x 19;
$d->misused(qr/./, 'revert');
$d->misused(qr/./, 'revert', 1, 2);
{
    my $e = Depot->new;
    $e->refuses(qr/nothing was changed yet/, qw(revert 1));
}

done_testing;
