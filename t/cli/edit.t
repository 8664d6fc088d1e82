#!/usr/bin/perl

# edit and copy; what promote, publish and every change take besides: rules, times,
# notes, dry runs; and the questions on a terminal.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;

my $d = Depot->new(user => 'root');
my $a = 'a';
$d->must('publish', $d->put("v$_", "v$_"), qw(--app a --kind upgrade --platform android
    --version), $_) for '1.0', '2.0';
$d->must(qw(list add a staff alice));
$d->must(qw(release a r --kind upgrade --platform android --version 2.0 --list staff));

sub release_of {
    my ($app, $id) = @_;
    return (grep { $_->{id} eq $id }
        @{ decode_json($d->export($app))->{releases} })[0];
}

my $rule  = '{"attribute":"brand","op":"in","values":["X"]}';
my $other = '{"attribute":"os_version","op":"range","min":"9"}';

# --- edit

$d->does(qw(edit a r --rule), $rule, '--rule', $other, qw(--start 2026-01-01T00:00:00Z
    --end 2096-01-01T00:00:00Z --priority 3 --meta {"prompt":"once"} --halt),
    '{"failure_percent":5,"min_reports":10}');
my $r = release_of('a', 'r');
is_deeply $r->{rules}, [ map { decode_json($_) } $rule, $other ], 'edit: rules';
is_deeply [ @$r{qw(start end priority)} ],
    [ '2026-01-01T00:00:00Z', '2096-01-01T00:00:00Z', 3 ], '... times and priority';
is_deeply [ $r->{meta}, $r->{halt}{min_reports} ], [ { prompt => 'once' }, 10 ],
    '... meta and halt';
is_deeply $r->{audience}, { lists => ['staff'] }, '... and the audience stays';
$d->does(qw(edit a r --rule none --start none --end none --priority none --meta none
    --halt none));
is_deeply [ sort keys %{ release_of('a', 'r') } ],
    [qw(audience id kind platform version)], 'edit: none removes';
$d->misused('says what to change', qw(edit a r));
$d->refuses('no release "q"', qw(edit a q --priority 1));
$d->misused(qr/--end: found /, qw(edit a r --start 2d --end 1d));
$d->does(qw(end a r));
$d->refuses('is ended; only one that is running or paused', qw(edit a r --priority 1));
$d->must('revert', $d->serial);

# --- promote keeps what is not given

$d->must(qw(edit a r --priority 7 --rule), $rule);
$d->does(qw(promote a r --percent 5%));
is_deeply [ @{ release_of('a', 'r') }{qw(priority rules audience)} ],
    [ 7, [ decode_json($rule) ], { percent => 5 } ], 'promote: the rest stays';
$d->does(qw(promote a r --list staff --rule none --end 7d));
ok !exists release_of('a', 'r')->{rules}, '... unless it is given';
like release_of('a', 'r')->{end}, qr/^\d{4}-.*Z$/, '... --end';
$d->must(qw(edit a r --end none --priority none));

# --- copy

$d->must(qw(list add b staff zoe --new-app));
my $before = $d->tree;
$d->does(qw(copy a r b --dry-run));
$d->untouched($before, 'copy --dry-run');
like $d->does(qw(copy a r b)), qr/\+ package upgrade 2\.0 android\n  \+ release r$/m,
    'copy: the package that is missing, and the release';
is_deeply release_of('b', 'r'), release_of('a', 'r'), '... which is the same';
is $d->decides(qw(app=b kind=upgrade platform=android version=1 user=zoe))->{version},
    '2.0', '... and is offered there';
$d->refuses('there is a release "r" already; --id', qw(copy a r b));
$d->does(qw(copy a r b --id s));
$d->refuses('has no release "q"', qw(copy a q b));
$d->refuses('there is no app "c"', qw(copy a r c));
$d->refuses('there is no app "c"', qw(copy c r b));
$d->misused('must be given TO-APP or --channel', qw(copy a r));
$d->misused('must be given TO-APP or --channel', qw(copy a r b --channel x));
$d->must('publish', $d->put('home', 'home'), qw(--app a --kind bundle --name home --channel
    staging --version 1));
$d->must(qw(release a home --kind bundle --name home --channel staging --version 1 --all));
$d->must(qw(pause a home));
$d->does(qw(copy a home --channel prod));
is release_of('a', 'home-prod')->{channel}, 'prod', 'copy to a channel';
ok !exists release_of('a', 'home-prod')->{state}, '... is running';
is $d->decides(qw(app=a kind=bundle name=home channel=prod))->{version}, 1,
    '... with a package for it';
$d->must(qw(list add d x y --new-app));
$d->refuses('there is no list "staff"; lists: x', qw(copy a r d));

{
    local $ENV{MDS_DATABASE};
    delete $ENV{MDS_DATABASE};
    $d->refuses('"home-prod" is running; `resume` takes one that is paused; one that other'
        . ' edges have halted needs --database', qw(resume a home-prod));
}
$d->must(qw(rollback a home-prod));
like +($d->run(qw(copy a home-prod --channel beta)))[2],
    qr/warning: release "home-prod" of a was rolled back, and its copy offers that version again/,
    'a copy of what was rolled back: a warning';

# --- the option is named, not the place in a document

my @bundle = qw(release a x --kind bundle --name home --version 1 --all);
$d->misused(qr/--halt: \/failure_percent: found $_; want a number from 0\.0001 to 100/,
    @bundle, '--halt', qq({"failure_percent":$_,"min_reports":1})) for 0, 101;
$d->misused(qr/--end: found /, @bundle, qw(--start 2h --end 1h));
$d->misused(qr/--app-version: found "x"/, 'publish', $d->put('h0', 'h0'),
    qw(--app a --kind bundle --name home --version 2 --app-version x));
$d->refuses(qr/FILE: .*No such file/, 'publish', "$d->{dir}/none",
    qw(--app a --kind bundle --name home --version 2));
my @idle = (qw(--app a --kind bundle --name idle --platform tv --version));
$d->must('publish', $d->put("h$_", "idle $_"), @idle, $_) for 1, 3;
$d->refuses(qr/--deltas: \/0\/from: found "4", .*; lower versions: 1/, 'publish', $d->put('h2', '2'),
    @idle, 2, '--deltas', '[{"from":"4"}]');
like +($d->run('publish', $d->put('h2', 'idle 2'), @idle, 2, '--deltas', qq([{"from":"$_"}]),
    '--dry-run'))[2], qr/warning: package bundle 2: a delta from $_ is for no device/,
    "a delta from $_: a warning" for 2, 3;
$d->must('publish', $d->put('h3', 'h3'), qw(--app nolists --kind upgrade --version 1 --new-app));
$d->refuses(qr/--list: there is no list "x"; the app has no lists/,
    qw(release nolists r --kind upgrade --version 1 --list x));

# --- publish: rules and app versions

my @hot = qw(--app a --kind hotfix --version 1);
$d->does('publish', $d->put('h1', 'h1'), @hot, '--app-version', '3.1.0');
$d->does('publish', $d->put('h2', 'h2'), @hot, '--app-version', '3.2.0..');
$d->does('publish', "$d->{dir}/h2", @hot, '--app-version', '3.2.0..');
my @packages = grep { $_->{kind} eq 'hotfix' }
    @{ decode_json($d->export('a'))->{packages} };
is_deeply [ map { $_->{app_version} } @packages ],
    [ { min => '3.1.0', max => '3.1.0' }, { min => '3.2.0' } ], 'publish --app-version';
$d->does('publish', $d->put("cpu-$_", $_), qw(--app a --kind sdk --name core --version 1
    --rule), qq({"attribute":"cpu","op":"in","values":["$_"]})) for 'arm', 'x86';
is scalar(grep { $_->{kind} eq 'sdk' } @{ decode_json($d->export('a'))->{packages} }), 2,
    'publish --rule: builds of one version';
$d->refuses('is published already, as another file', 'publish', $d->put('cpu', 'other'),
    qw(--app a --kind sdk --name core --version 1 --rule),
    '{"attribute":"cpu","op":"in","values":["arm"]}');
$d->misused('--app-version: found "x"', 'publish', $d->put('h3', 'h3'), @hot, '--app-version', 'x');

# --- every change: dry runs, without the key, and notes

{
    local $d->{key} = undef;
    local $ENV{MDS_KEY};
    delete $ENV{MDS_KEY};
    for my $change ([qw(release a x --kind upgrade --version 1.0 --all)],
        [qw(promote a r --all)], [qw(pause a r)], [qw(end a r)], [qw(rollback a home)],
        [qw(list add a new u1)], [ qw(list import a big), $d->put('ids', "u1\nu2\n") ],
        [qw(list remove a staff alice)], [qw(remove app d)], [ 'revert', $d->serial ],
        [ 'publish', "$d->{dir}/v1.0", qw(--app a --kind data --name x --version 1) ],
        [ qw(message push a --to android=2.0 --until 7d --users), "$d->{dir}/ids" ])
    {
        my $before = $d->tree;
        my ($code, $out, $err) = $d->run(@$change, '--dry-run');
        is "$code:" . $err =~ s/^mdsctl: warning: .*\n//mgr, '0:', "@$change --dry-run";
        like $out, qr/^would change, after serial \d+:\n  [-+~] /, '... what would change';
        $d->untouched($before, '...');
    }
}
$d->misused('unknown option "--dry-run"', 'status', '--dry-run');
$d->does(qw(pause a r --note), "too many\ncrashes");
is $d->asks('log')->[0]{note}, "too many\ncrashes", '--note';
like $d->does('log'), qr/^  note: too many\\u\{000A\}crashes$/m, '... in words';
ok !exists $d->asks('log')->[1]{note}, '... none';
$d->must(qw(resume a r));

# --- questions on a terminal

SKIP: {
    skip 'no script(1)', 1 if system('command -v script > /dev/null') != 0;

    # Exit code, and what the terminal shows.
    my $on_terminal = sub {
        my ($answer, @command) = @_;
        local $ENV{MDS_DEPOT} = $d->{depot};
        local $ENV{MDS_KEY}   = $d->{key};
        my $line = join ' ', map { "'" . s/'/'\\''/gr . "'" } "$Ctl::build/mdsctl", @command;
        open my $file, '>', "$d->{dir}/answer" or die;
        print $file "$answer\n";
        close $file;
        my $shown = qx(script -qec "$line" /dev/null < $d->{dir}/answer 2>&1);
        return ($? >> 8, $shown);
    };
    my $doc = $d->put('less.json', encode_json({ app => 'b', serial => $d->serial }));

    for my $case ([qw(promote a r --all)], [qw(copy a r b --id t)], [qw(end a r)],
        [qw(rollback a home)], [ qw(message push a --to android=2.0 --until 7d --users),
            "$d->{dir}/ids" ], [ 'apply', $doc, '--force' ])
    {
        my $serial = $d->serial;
        my ($code, $shown) = $on_terminal->('n', @$case);
        is $code, 1, "@$case: no";
        like $shown, qr/^Go on\? \[y\/N\] .*nothing was changed/ms, '... is asked';
        is $d->serial, $serial, '... and nothing is changed';
    }
    my ($code, $shown) = $on_terminal->('n', qw(promote a r --all --dry-run));
    unlike "$code$shown", qr/Go on/, 'a dry run asks nothing';
    ($code, $shown) = $on_terminal->('n', qw(promote a r --all -y));
    is $code, 0, '-y' or diag $shown;
    unlike $shown, qr/Go on/, '... asks nothing';
    ($code, $shown) = $on_terminal->('y', qw(end a r));
    is $code, 0, 'yes' or diag $shown;
    is release_of('a', 'r')->{state}, 'ended', '... it is done';
    ($code, $shown) = $on_terminal->('n', 'pause', 'a', 'home-prod');
    unlike $shown, qr/Go on/, 'what can be taken back is not asked';
}

done_testing;
