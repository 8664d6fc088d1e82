#!/usr/bin/perl

# release, promote, pause, resume, end, rollback: one release, step by step,
# and the steps that are none.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;

my $d = Depot->new(user => 'root');
my $common = Depot::noise('common', 20_000);
my @app = qw(app=a kind=upgrade platform=android version=1);

for my $kind (qw(upgrade hotfix)) {
    $d->must('publish', $d->put("$kind-$_", $common . Depot::noise($_, 300)),
        qw(--app a --platform android --kind), $kind, '--version', $_)
        for 1 .. 3;
}
$d->must('publish', $d->put('home', 'home'), qw(--app a --kind bundle --name
    home --version 1));
$d->must(qw(list add a staff alice));
$d->must(qw(list add a banned mallory));
$d->must(qw(list add a lab dev-1 --by device));

sub gets { $d->decides(@app, @_) }

sub installs { my $g = gets(@_); $g->{action} eq 'install' ? $g->{version} : '' }

sub release_of {
    my ($id) = @_;
    return (grep { $_->{id} eq $id }
        @{ decode_json($d->export('a'))->{releases} })[0];
}

my @release = qw(release a r --kind upgrade --platform android --version 2);

# --- release: each audience

for my $case (
    [['--all'], { all => JSON::PP::true }, ['user=x'], undef],
    [['--list', 'staff'], { lists => ['staff'] }, ['user=alice'], ['user=x']],
    [['--list', 'staff', '--list', 'lab'], { lists => ['staff', 'lab'] },
        ['device=dev-1'], ['user=dev-1', 'device=alice']],
    [['--percent', '100'], { percent => 100 }, ['device=x'], ['user=x']],
    [['--percent', '0.001'], { percent => 0.001 }, undef, ['device=x']],
    [['--percent', '100', '--by', 'user'], { percent => 100, by => 'user' },
        ['user=x'], ['device=x']],
    [['--percent', '100', '--seed', 'spring'],
        { percent => 100, seed => 'spring' }, ['device=x'], ['user=x']],
    [['--all', '--except', 'banned'],
        { all => JSON::PP::true, except => ['banned'] }, ['user=x'],
        ['user=mallory']],
    [['--window', '10', '--until', '2036-01-01T00:00:00Z', '--by', 'user'],
        { window => { count => 10, until => '2036-01-01T00:00:00Z',
          by => 'user' }, by => 'user' }, undef, undef],
) {
    my ($words, $audience, $in, $out) = @$case;
    my $one = $d->copy;
    $one->does(@release, @$words);
    my $got = decode_json($one->export('a'))->{releases}[0]{audience};
    is_deeply $got, $audience, "@$words: the audience";
    is $one->decides(@app, @$in)->{action}, 'install', "@$words: @$in is in"
        if $in;
    is $one->decides(@app, @$out)->{action}, 'none', "@$words: @$out is not"
        if $out;
}

# --- release: rules, scopes, meta

$d->does(qw(release a ruled --kind upgrade --platform android --platform ios
    --channel mi --channel oppo --version 2 --all --rule),
    '{"attribute":"brand","op":"in","values":["Xiaomi"]}', '--rule',
    '{"attribute":"os_version","op":"range","min":"9"}', '--meta',
    '{"prompt":"force"}');
is_deeply release_of('ruled'), {
    id => 'ruled', kind => 'upgrade', platform => ['android', 'ios'],
    channel => ['mi', 'oppo'], version => '2',
    audience => { all => JSON::PP::true },
    rules => [ { attribute => 'brand', op => 'in', values => ['Xiaomi'] },
               { attribute => 'os_version', op => 'range', min => '9' } ],
    meta => { prompt => 'force' } }, 'all that was said is in the document';
my @mi = qw(channel=mi brand=Xiaomi os_version=9);
is installs(@mi), '2', 'both rules hold';
is gets(@mi)->{manifest}{meta}{prompt}, 'force', 'its meta goes out';
is installs(qw(channel=mi brand=Xiaomi os_version=8)), '', 'one does not';
is installs(qw(channel=mi brand=Xiaomi)), '', 'one has nothing to look at';
is installs(qw(channel=x brand=Xiaomi os_version=9)), '', 'another channel';

$d->does(qw(release a home --kind bundle --name home --version 1 --all));
is $d->decides(qw(app=a kind=bundle name=home))->{release}, 'home',
    'a bundle by its name';

# --- promote: from few to all, with rules kept, by no key

$d->must(@release, '--list', 'staff', '--rule',
    '{"attribute":"net","op":"in","values":["wifi"]}');
is installs('user=alice', 'net=wifi'), '2', 'staff has it';
is installs('user=x', 'net=wifi'), '', 'nobody else';
{
    local $d->{key};
    like $d->does(qw(promote a r --all)), qr/^  ~ release r: audience$/m,
        'promote says what changed';
}
is installs('user=x', 'net=wifi'), '2', 'then everybody';
is installs('user=x', 'net=cell'), '', 'by the same rules';
like $d->does(qw(promote a r --all)), qr/^no change/, 'again: no change';

# --- seed, force_below

{
    my $one = $d->copy;
    $one->must(qw(release a seeded --kind upgrade --platform android --version 2
        --percent 50 --seed spring --force-below 1.5));
    $one->must(qw(release a twin --kind hotfix --platform android --version 2
        --percent 50 --seed spring));
    my $in = sub {
        my @app = @_;
        return join ',', grep { $one->decides(@app, "device=d$_")->{action}
            eq 'install' } 1 .. 12;
    };
    my $before = $in->(@app);
    is $in->(qw(app=a kind=hotfix platform=android)), $before,
        'two releases with one seed have the same devices';
    $one->must(qw(promote a seeded --percent 50.1));
    is $in->(@app), $before, 'promote keeps the seed, and with it the devices';
    $one->must(qw(promote a seeded --percent 50.1 --seed autumn));
    isnt $in->(@app), $before, 'another seed has other devices';

    my $told = $one->decides(@app, 'device=d1');
    my @wants = map { $_->{wants} } map { @{ $_->{tests} } }
        @{ $told->{candidates} };
    like "@wants", qr/bucket [0-9.]+ of seed autumn, must be below 50\.1000/,
        'explain names the seed';
    like "@wants", qr/below 1\.5 "prompt" is "force": it is/,
        'explain says who is forced';
    $one->must(qw(promote a seeded --all));
    is $one->decides(@app)->{manifest}{meta}{prompt}, 'force', 'below it: forced';
    is $one->decides(@app[0 .. 2], 'version=1.5')->{manifest}{meta}{prompt}, undef,
        'not below it: not forced';
    is $one->decides(@app[0 .. 2])->{manifest}{meta}{prompt}, undef,
        'nothing installed: not forced';
    like $one->does(qw(status a)), qr/forced below 1\.5/, 'status says so';
    is_deeply $one->asks('verify')->{problems}, [], 'both manifests are signed';
}

# --- pause, resume, end

{
    local $d->{key};   # none of these sign
    $d->does(qw(pause a r));
    is installs('net=wifi'), '', 'paused: no new devices';
    is release_of('r')->{state}, 'paused', 'as the document says';
    $d->does(qw(promote a r --percent 100 --by user));
    is installs('net=wifi', 'user=x'), '', 'a new audience does not wake it';
    $d->does(qw(resume a r));
    is installs('net=wifi', 'user=x'), '2', 'resumed: it goes on';
    $d->does(qw(pause a r));
    $d->does(qw(end a r));
    is installs('net=wifi', 'user=x'), '', 'ended';
}

# A release that slept while the catalog changed wakes without a key.
$d->must(qw(release a sleeper --kind upgrade --platform android --version 3
    --all));
$d->must(qw(pause a sleeper));
$d->must('publish', $d->put('u25', $common . 'x'), qw(--app a --kind upgrade
    --platform android --version 2.5));
{
    local $d->{key};
    $d->does(qw(resume a sleeper));
    is installs(), '3', 'and is in force';
    $d->does(qw(end a sleeper));
}

# --- every step from every state

my %allowed = (
    running     => { pause => 'paused', end => 'ended',
                     rollback => 'rolled_back', promote => 'running' },
    paused      => { resume => 'running', end => 'ended',
                     rollback => 'rolled_back', promote => 'paused' },
    ended       => { rollback => 'rolled_back' },
    rolled_back => { },
);
for my $from (sort keys %allowed) {
    for my $step (qw(pause resume end rollback promote)) {
        my $id = "h-$from-$step";
        my @args = ($step, 'a', $id, $step eq 'promote' ? '--all' : ());
        $d->must('release', 'a', $id, qw(--kind hotfix --platform android
            --version 2 --percent 5));
        $d->must({ paused => 'pause', ended => 'end',
            rolled_back => 'rollback' }->{$from}, 'a', $id)
            if $from ne 'running';

        my $to = $allowed{$from}{$step};
        if (!defined $to) {
            (my $words = $from) =~ s/_/./;
            $d->refuses("release \"$id\" is $words", @args);
            next;
        }
        $d->does(@args);
        is release_of($id)->{state} // 'running', $to, "$from, $step: $to";
    }
}

# --- rollback

$d->must(qw(release a fix-3 --kind hotfix --platform android --version 3
    --all));
{
    local $d->{key};
    $d->refuses('must be signed: give --key', qw(rollback a fix-3));
}
$d->does(qw(rollback a fix-3));
my $g = $d->decides(qw(app=a kind=hotfix platform=android version=3));
is_deeply [@$g{qw(action reason)}, @{ $g->{manifest} }{qw(action from)}],
    ['rollback', 'rolled_back', 'rollback', '3'], 'who has it goes back';
is $d->decides(qw(app=a kind=hotfix platform=android version=2))->{action},
    'none', 'who has not, does not';
$d->refuses('does not go back', qw(rollback a ruled));

# --- what there is not, what is wrong

$d->refuses('"a" has no release "none"', @$_, 'a', 'none') for ['pause'],
    ['resume'], ['end'], ['rollback'];
$d->refuses('"a" has no release "none"', qw(promote a none --all));
$d->refuses('there is no app "zz"', qw(pause zz r));
$d->refuses('there is a release "r" already', @release, '--all');
my @wrong = qw(release a w --kind upgrade --platform android --version 2);
$d->refuses('there is no list "l"', @wrong, '--list', 'l');
$d->misused('--percent', @wrong, '--percent', '101');
$d->misused('--percent', @wrong, '--percent', '"5"');
$d->misused('--window', @wrong, '--window', '0');
$d->misused('--until', @wrong, '--window', '5', '--until', 'tomorrow');
$d->misused('by', @wrong, '--all', '--by', 'city');
$d->misused('--rule: /0', @wrong, '--all', '--rule', '{"attribute":"brand"}');
$d->misused('prompt', @wrong, '--all', '--meta', '{"prompt":"never"}');
# A valid name that does not exist is not a wrong usage.
$d->refuses('no package of upgrade', @wrong[0 .. 6], '--version',
    '9', '--all');
$d->refuses('no package', qw(release a w --kind upgrade --platform windows
    --version 2 --all));
$d->misused('version', qw(release a w --kind upgrade --version x --all));
$d->misused('--kind: ', qw(release a w --kind Upgrade --version 1 --all));
$d->misused('--halt: found 5', qw(release a w --kind upgrade --version 1 --all --halt 5));
$d->refuses('there is no list "l"', qw(promote a ruled --list l));
{
    local $d->{key};
    $d->refuses('release "w" must be signed: give --key FILE, or its path'
        . ' in MDS_KEY', @wrong, '--all');
}

$d->misused('an audience is missing', @wrong);
$d->misused('an audience is missing', qw(promote a r));
$d->misused('an audience is missing', @wrong, '--except', 'staff');
$d->misused('--until needs --window', @wrong, '--all', '--until',
    '2036-01-01T00:00:00Z');
$d->misused('--kind is missing', qw(release a w --version 1 --all));
$d->misused('--version is missing', qw(release a w --kind upgrade --all));
$d->misused('--rule', @wrong, '--all', '--rule', '{');
$d->misused('--percent', @wrong, '--percent', 'some');
$d->misused('argument is missing', qw(release a --kind k --version 1 --all));
$d->misused('argument is missing', $_, 'a') for qw(pause resume end rollback);
$d->misused('one argument too many', qw(pause a r s));
$d->misused('given twice', @wrong, qw(--percent 1 --percent 2));

# --- for machines

my $facts = $d->asks(qw(pause a ruled));
is_deeply { %$facts, changes => 0 }, { serial => $d->serial, changes => 0,
    dry_run => JSON::PP::false, warnings => [] }, 'json: serial';
is_deeply [@{ $facts->{changes}[0] }{qw(what id)}], ['release', 'ruled'],
    'json: what changed';
is $facts->{changes}[0]{after}{state}, 'paused', 'json: into what';

done_testing;
