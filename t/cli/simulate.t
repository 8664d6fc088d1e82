#!/usr/bin/perl

# `mdsctl simulate`: for each check of a random log it finds what `mdsctl explain`
# says on two depots, one of which has the document applied; its result is by the
# schema; it reads plain and compressed logs; wrong lines are counted; and the depot
# stays as it is.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../nginx/lib";
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;
use Schema;

srand($ENV{MDS_SEED} // 17);

my $app    = 'com.example.shop';
my $d      = Depot->new(user => 'root');
my $dir    = $d->{dir};
my $schema = Schema->new("$FindBin::Bin/../../docs/schema/simulate.json");

sub pick { return $_[ rand @_ ] }

# --- a document, and one with a bit of everything changed

my $common = Depot::noise('common', 20_000);
$d->put("app-$_", "$common$_") for qw(1.0 1.1 1.2 1.3);
$d->put("fix-$_", "$common fix $_") for 1, 2;
$d->put('beta.txt', join '', map { "u$_\n" } 3, 4);

sub package_of {
    my ($kind, $version, $file) = @_;
    return { kind => $kind, version => "$version", file => $file,
        $kind eq 'upgrade' ? (platform => 'android') : () };
}

sub release_of {
    my ($id, $kind, $version, $audience, %more) = @_;
    return { id => $id, kind => $kind, version => "$version",
        audience => $audience, %more };
}

my %before = (
    app      => $app,
    lists    => { staff => { ids => [ 'u0', 'u1', 'u2' ] } },
    packages => [ (map { package_of('upgrade', $_, "app-$_") } qw(1.0 1.1 1.2)),
        package_of('hotfix', 1, 'fix-1') ],
    releases => [
        release_of('official', 'upgrade', '1.0', { all => \1 }),
        release_of('next', 'upgrade', '1.1', { lists => ['staff'], percent => 0 },
            rules => [ { attribute => 'brand', op => 'in', values => [ 'A', 'B' ] } ]),
        release_of('top', 'upgrade', '1.2', { percent => 35 }),
        release_of('fix-1', 'hotfix', 1, { all => \1 }),
    ],
);
my %after = (
    app      => $app,
    lists    => { %{ $before{lists} }, beta => { file => 'beta.txt' } },
    packages => [ @{ $before{packages} }, package_of('upgrade', '1.3', 'app-1.3'),
        package_of('hotfix', 2, 'fix-2') ],
    releases => [
        release_of('official', 'upgrade', '1.0', { all => \1 }),
        release_of('next', 'upgrade', '1.1', { lists => ['staff'], percent => 95 },
            rules => [ { attribute => 'brand', op => 'in', values => [ 'B', 'C' ] } ]),
        release_of('top', 'upgrade', '1.2', { percent => 35 }, state => 'paused'),
        release_of('beta', 'upgrade', '1.3', { lists => ['beta'] },
            meta => { prompt => 'once' }),
        release_of('few', 'upgrade', '1.3', { window => { count => 3 } },
            rules => [ { attribute => 'brand', op => 'in', values => ['D'] } ]),
        release_of('fix-1', 'hotfix', 1, { all => \1 }, state => 'rolled_back'),
    ],
);
my $json = JSON::PP->new->canonical->utf8;
my $now  = $d->put('before.json', $json->encode(\%before));
my $next = $d->put('after.json', $json->encode(\%after));
$d->must('apply', $now);

# --- a random log

my @queries;
push @queries, do {
    my $n = int rand 32;
    join '&', "app=$app", 'kind=' . pick('upgrade', 'upgrade', 'upgrade', 'hotfix'),
        "platform=" . pick('android', 'android', 'ios'), "device=d%C3%A4$n",
        'user=u' . $n % 8, 'brand=' . (qw(A B C D))[ $n % 4 ],
        pick('', 'version=1', 'version=1.0', 'version=1.1', 'version=1.2', 'version=9');
} for 1 .. 70;

sub line {
    my ($target, $method) = @_;
    return sprintf qq{192.0.2.1 - - [27/Nov/2026:12:00:00 +0000] "%s %s HTTP/1.1"}
        . qq{ 200 512 "-" "okhttp/4.9.3"\n}, $method // 'GET', $target;
}

my $log = $d->put('access.log', join '',
    map { line("/mds/v1/check?$_", pick('GET', 'GET', 'HEAD')) } @queries);

# --- what explain says of each, on both depots

my $applied = bless { %$d, depot => "$dir/applied" }, ref $d;
system('cp', '-a', $d->{depot}, $applied->{depot}) == 0 or die;
$applied->must('apply', $next);

sub decode { return $_[0] =~ s/\+/ /gr =~ s/%(..)/chr hex $1/ger }

my %explained;
sub explain_query {
    my ($depot, $query) = @_;
    my $known = \$explained{"$depot->{depot} $query"};
    return $$known if $$known;

    my $e = $depot->asks('explain', grep { length } map { decode($_) }
        split /&/, $query);
    my %manifest = %{ $e->{manifest} // {} };
    # apply makes deltas, and simulate does not
    delete @manifest{qw(serial release delta)};
    $e->{told} = $json->encode([ $e->{action},
        $e->{action} eq 'none' ? undef : $e->{version}, \%manifest ]);
    return $$known = $e;
}

my (%want, %devices, %rows, $changed);
for my $query (@queries) {
    my ($a, $b) = map { explain_query($_, $query) } $d, $applied;
    my ($device) = $query =~ /device=([^&]+)/;
    $devices{all}{$device}++;
    next if $a->{told} eq $b->{told};
    my ($kind) = $query =~ /kind=(\w+)/;
    my $row = join ' ', $kind, map { $_->{action},
        $_->{action} eq 'none' || !length $_->{version} ? '-' : $_->{version} } $a, $b;
    $changed++;
    $devices{changed}{$device}++;
    $rows{$row}{requests}++;
    $rows{$row}{devices}{$device}++;
}
cmp_ok $changed, '>', 15, 'the document changes something';
cmp_ok scalar(keys %rows), '>', 4, '... in several ways';

my $before = $d->tree;
my $said   = $d->asks('simulate', $log, $next);
$d->untouched($before, 'simulate');
is_deeply [ $schema->errors($said) ], [], 'the result is by the schema';
is $said->{checks}{requests}, scalar @queries, 'each line is a check';
is $said->{checks}{devices}, scalar keys %{ $devices{all} }, '... by so many devices';
is $said->{changed}{requests}, $changed, 'checks that change, as explain has them';
is $said->{changed}{devices}, scalar keys %{ $devices{changed} }, '... devices';
is_deeply [ sort map { $_->{what} } @{ $said->{changes} } ],
    [ sort map { $_->{what} } @{ $d->asks('apply', $next, '--dry-run')->{changes} } ],
    'what the document changes, as a dry run has it';

# Rows with the same from and to are one here: explain has no causes.
my %found;
for my $row (@{ $said->{rows} }) {
    my $key = join ' ', $row->{kind}, map { $_->{action}, $_->{version} // '-' }
        @$row{qw(from to)};
    $found{$key}{requests} += $row->{requests};
    for my $example (@{ $row->{examples} }) {
        my $query = $queries[ $example->{line} - 1 ];
        like $query, qr/kind=$row->{kind}/, "an example of $row->{kind}"
            or next;
        isnt explain_query($d, $query)->{told}, explain_query($applied, $query)->{told},
            '... changes';
    }
    cmp_ok scalar @{ $row->{examples} }, '<=', 5, '... at most five';
}
is_deeply { map { $_ => $found{$_}{requests} } keys %found },
    { map { $_ => $rows{$_}{requests} } keys %rows }, 'from what to what';

# --- causes

my %causes = map { ("$_->{release} $_->{test}" . ($_->{attribute} ? " $_->{attribute}" : '')
    . ($_->{gains} ? ' +' : ' -')) => 1 } @{ $said->{rows} };
ok $causes{$_}, $_ for 'next audience +', 'next rule brand +', 'next rule brand -',
    'top state -', 'beta new +', 'fix-1 state +';
is_deeply [ map { $_->{release} } @{ $said->{windows} } ], ['few'],
    'a window, and those who would ask for a place';
is $said->{windows}[0]{places}, 3, '... of its places';

# --- the same document changes nothing

is_deeply $d->asks('simulate', $log, $now)->{rows}, [], 'the document in force';
like $d->does('simulate', $log, $now), qr/^nothing would change$/m, '... in words';

# --- what a device is told, and what it is not

{
    my %doc = (%before, releases => [ map { {%$_} } @{ $before{releases} } ]);
    $doc{releases}[0]{meta} = { prompt => 'force' };
    my $rows = $d->asks('simulate', $log, $d->put('meta.json', $json->encode(\%doc)))->{rows};
    is_deeply [ map { "$_->{release} $_->{test} $_->{to}{version}" } @$rows ],
        [ 'official meta 1.0' ], 'another meta of the same version';
    delete $doc{releases}[0]{meta};
    $doc{releases}[0]{priority} = 9;
    $rows = $d->asks('simulate', $log, $d->put('order.json', $json->encode(\%doc)))->{rows};
    is_deeply [ sort keys %{ { map { ("$_->{release} $_->{test}" => 1) } @$rows } } ],
        [ 'official order' ], 'another order';
    delete $doc{releases}[0]{priority};
    $doc{releases}[0]{id} = 'first';
    is_deeply $d->asks('simulate', $log, $d->put('id.json', $json->encode(\%doc)))->{rows},
        [], 'the id of a release without dice';
}

# --- text

my $text = $d->does('simulate', $log, $next);
like $text, qr/\A\Q$log\E: 70 lines, 70 checks of \Q$app\E by \d+ devices\n/, 'the log';
like $text, qr/^would change: \d+ devices \(\d+\.\d %\), $changed checks \(\d+\.\d %\)$/m,
    'what would change';
like $text, qr/^  release \w+: (?:it|rule) .*$/m, '... and why';
like $text, qr/^    line \d+: app=\Q$app\E kind=upgrade /m, '... and for whom';

# --- compressed, standard input, other formats

my $facts = sub { my ($r) = @_; return $json->encode([ @$r{qw(log checks changed rows)} ]) };
system("gzip -k $log; zstd -qk $log") == 0 or die;
is $facts->($d->asks('simulate', "$log.$_", $next)), $facts->($said), "a log in .$_"
    for 'gz', 'zst';
{
    local $Ctl::stdin = "$log.gz";
    is $facts->($d->asks('simulate', '-', $next)), $facts->($said), 'standard input';
}
my $format = q(log_format checks escape=json '{"m":"$request_method","u":"$request_uri",'
    '"mds_attribute_user":"$remote_user","b":"$request_body"}';);
my @resources = map { { kind => 'upgrade', version => $_ } } '1.0', '1.1';
my $body = $json->encode({ app => $app, device => 'd1', user => 'u3',
    platform => 'android', resources => \@resources });
my $other = $d->put('json.log', join '', map {
    sprintf qq({"m":"%s","u":"%s","mds_attribute_user":"%s","b":"%s"}\n), @$_ }
    [ 'POST', '/mds/v1/check', '', $body =~ s/"/\\"/gr ],
    [ 'POST', '/mds/v1/check', 'u4', $body =~ s/"/\\"/gr ],
    [ 'GET', "/mds/v1/check?app=$app&kind=upgrade&platform=android&user=u9&device=d2", 'u3', '' ],
    [ 'POST', '/mds/v1/check', '', '{\"app\":1}' ],
    [ 'POST', '/mds/v1/check', '', '' ]);
my $r = $d->asks('simulate', $other, $next, '--log-format', $format);
is $r->{checks}{requests}, 5, 'batches: each resource is a check';
is $r->{log}{batches_without_body}, 1, '... without a body';
is $r->{log}{refused}{count}, 1, '... wrong';
is_deeply [ sort map { $_->{attributes}{user} // '' } map { @{ $_->{examples} } }
    grep { $_->{release} eq 'beta' } @{ $r->{rows} } ], [ 'u3', 'u4' ],
    'an attribute that nginx sets is the only source of its value';

# --- what cannot be read

my $bad = $d->put('bad.log', line('/mds/v1/check?app=a&kind=upgrade') . "junk \x1b[31m\n"
    . line("/mds/v1/check?app=$app") . line('/mds/v1/config?app=x') . line('/', 'POST')
    . line("/mds/v1/check?app=$app&kind=upgrade&x=%zz") . ('x' x 2_000_000) . "\n"
    . line("/mds/v1/check?app=$app&kind=upgrade") =~ s/\n//r);
$r = $d->asks('simulate', $bad, $next);
is_deeply [ @{ $r->{log} }{qw(lines other_apps other_requests)}, $r->{log}{wrong}{count},
    $r->{log}{wrong}{line}, $r->{log}{refused}{count}, $r->{log}{refused}{line},
    @{ $r->{checks} }{qw(requests without_device)} ], [ 8, 1, 2, 2, 2, 2, 3, 1, 1 ],
    'wrong lines, refused checks, other requests';
my $words = $d->does('simulate', $bad, $next);
like $words, qr/^2 lines do not fit the log format; the first is line 2: junk \\u\{001B\}\[31m$/m,
    '... the first is shown, without its control characters';
like $words, qr/^2 checks would be answered with 400; the first is line 3: parameter "kind" is missing$/m,
    '... and why a check is refused';

$d->refuses('no line fits the log format', 'simulate', $log, $next, '--log-format',
    '$remote_addr|$request');
$d->misused('--log-format: there is no request in it', 'simulate', $log, $next,
    '--log-format', '$status');
$d->misused('only one of LOG and DOC', 'simulate', '-', '-');
$d->refuses('No such file', 'simulate', "$dir/none.log", $next);
$d->refuses('/releases/0/version', 'simulate', $log, $d->put('wrong.json',
    $json->encode({ %before, releases => [ release_of('x', 'upgrade', '7', { all => \1 }) ] })));
$d->put('cut.gz', substr(Ctl::read_file("$log.gz"), 0, -200));
$d->refuses('truncated gzip', 'simulate', "$dir/cut.gz", $next);
is $d->asks('simulate', $d->put('empty.log', ''), $next)->{log}{lines}, 0, 'an empty log';

# --- nothing is left in $TMPDIR

mkdir "$dir/tmp";
{
    local $ENV{TMPDIR} = "$dir/tmp";
    $d->must('simulate', $log, $next);
    my ($code) = $d->run('simulate', "$dir/cut.gz", $next);
    is $code, 1, 'a failure';
}
is_deeply [ glob "$dir/tmp/{*,.tmp*}" ], [], 'nothing is left in $TMPDIR';

done_testing;
