# Audiences through a real nginx: lists of every sort, except, percent, ramp,
# start and end, priority, fall-through. One device and one case each, and
# percentages over 20,000 devices with a statistical bound.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use LoadGen;
use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);

my $t = MDS->new(workers => 2, main => "env MDS_CLOCK;\n");
$ENV{MDS_CLOCK} = "$t->{dir}/clock";
$t->depot;
$t->write("b$_", "package $_") for 1 .. 3;

my $start = time;
sub at { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime($start + $_[0])) }
sub clock { $t->write('clock', int($_[0] * 1000)) }
clock(0);

my ($true, $false) = (JSON::PP::true, JSON::PP::false);
sub text { my ($bytes) = @_; utf8::decode($bytes); return $bytes }

$t->write('file-users', "first\r\n\r\n  spaced \nlast\nzo\xc3\xab");
$t->write('file-devices', "d-file\n");

# --- resources: one for each sort of audience

my %resource = (
    ids      => { lists => ['ids'] },
    file     => { lists => ['file'] },
    device   => { lists => ['lab'] },
    pattern  => { lists => ['qa'] },
    utf8     => { lists => ['beijing'] },
    crm      => { lists => ['crm'] },
    several  => { lists => [ 'ids', 'lab', 'qa' ] },
    except   => { all => $true, except => [ 'ids', 'lab' ] },
    exceptqa => { all => $true, except => ['qa'] },
    overrun  => { all => $true, except => ['slow'] },
    slow     => { lists => ['slow'] },
    inout    => { lists => ['qa'], except => ['ids'] },
    all      => { all => $true },
    zero     => { percent => 0 },
    hundred  => { percent => 100 },
    byuser   => { percent => 100, by => 'user' },
    window   => { all => $true },
);

my @names = sort keys %resource;
my %document = (
    app   => 'a',
    lists => {
        ids  => { ids => [ 'alice', 'bob', 'qa-9' ] },
        file => { file => 'file-users' },
        lab  => { file => 'file-devices', by => 'device' },
        qa   => { patterns => [ '^qa-[0-9]+$', 'tester' ] },
        beijing => { ids => [ text('小明') ], patterns => [ text('^北京.$') ] },
        crm  => { external => $true },
        # Backtracks without end where there is no match.
        slow => { patterns => ['^(a+)+$', '^(x+x+)+y'], by => 'device' },
    },
    packages => [ map { my $n = $_; map { { kind => 'bundle', name => $n,
        version => "$_.0", file => "b$_" } } 1 .. 3 } @names,
        qw(prio time ramp p1 p2 growing scoped) ],
    releases => [
        map({ { id => "r-$_", kind => 'bundle', name => $_, version => '2.0',
            audience => $resource{$_} } } grep { $_ ne 'window' } @names),
        # Higher priority, then the higher version, then the later one.
        { id => 'low', kind => 'bundle', name => 'prio', version => '3.0',
          audience => { all => $true } },
        { id => 'high', kind => 'bundle', name => 'prio', version => '2.0',
          priority => 5, audience => { lists => ['ids'] } },
        { id => 'older', kind => 'bundle', name => 'prio', version => '3.0',
          audience => { all => $true }, rules => [ { attribute => 'brand',
              op => 'in', values => ['X*'] } ] },
        { id => 'soon', kind => 'bundle', name => 'time', version => '3.0',
          start => at(1000), end => at(2000), audience => { all => $true } },
        { id => 'ever', kind => 'bundle', name => 'time', version => '2.0',
          audience => { all => $true } },
        { id => 'ramp', kind => 'bundle', name => 'ramp', version => '2.0',
          audience => { ramp => { from => 10, to => 90, start => at(1000),
              end => at(101_000) } } },
        { id => 'p1', kind => 'bundle', name => 'p1', version => '2.0',
          audience => { percent => 30 } },
        { id => 'p2', kind => 'bundle', name => 'p2', version => '2.0',
          audience => { percent => 40 } },
        { id => 'growing', kind => 'bundle', name => 'growing',
          version => '2.0', audience => { percent => 0.5 } },
        { id => 'scoped', kind => 'bundle', name => 'scoped', version => '2.0',
          platform => ['ios', 'web'], channel => 'store',
          audience => { all => $true } },
        { id => 'scoped-all', kind => 'bundle', name => 'scoped',
          version => '1.0', audience => { all => $true } },
    ],
);
$t->mdsctl('apply', $t->document(\%document));

$t->start(<<'EOF2');
mds_depot %DEPOT%;
log_format mds escape=none '$arg_n $mds_reason';
server {
    listen %LISTEN%;
    location = /check { mds_check; access_log %DIR%/access.log mds; }
}
EOF2

my $n = 0;
my %reason;

# The release that a device is told to install, or -.
sub told {
    my ($name, $who, $want_reason) = @_;
    $n++;
    $reason{$n} = $want_reason if defined $want_reason;
    my $r = $t->get("/check?app=a&kind=bundle&name=$name&n=$n&$who");
    return $r->status == 204 ? '-' : $r->status == 200 ? $r->json->{release}
        : $r->status;
}

sub escape { join '', map { /[A-Za-z0-9_.-]/ ? $_ : sprintf '%%%02X', ord } split //, $_[0] }

my @cases = (
    # resource, device, in?, reason
    [ 'ids', 'user=alice', 1, 'list' ],
    [ 'ids', 'user=Alice', 0, 'outside' ],
    [ 'ids', 'user=alice+', 0, 'outside' ],
    [ 'ids', 'user=alic', 0, 'outside' ],
    [ 'ids', 'device=alice', 0, 'outside' ],
    [ 'ids', 'user=&device=alice', 0, 'outside' ],
    [ 'file', 'user=first', 1, 'list' ],
    [ 'file', 'user=last', 1, 'list' ],
    [ 'file', 'user=zo%C3%AB', 1, 'list' ],
    [ 'file', 'user=++spaced+', 1, 'list' ],
    [ 'file', 'user=spaced', 0, 'outside' ],
    [ 'file', 'user=first%0D', 0, 'outside' ],
    [ 'device', 'device=d-file', 1, 'list' ],
    [ 'device', 'user=d-file', 0, 'outside' ],
    [ 'pattern', 'user=qa-1', 1, 'list' ],
    [ 'pattern', 'user=qa-12345', 1, 'list' ],
    [ 'pattern', 'user=qa-', 0, 'outside' ],
    [ 'pattern', 'user=xqa-1', 0, 'outside' ],
    [ 'pattern', 'user=a+tester+b', 1, 'list' ],
    [ 'pattern', 'device=qa-1', 0, 'outside' ],
    [ 'utf8', 'user=' . escape('小明'), 1, 'list' ],
    [ 'utf8', 'user=' . escape('小红'), 0, 'outside' ],
    [ 'utf8', 'user=' . escape('北京市'), 1, 'list' ],
    [ 'utf8', 'user=' . escape('北京'), 0, 'outside' ],
    [ 'several', 'user=x&device=d-file', 1, 'list' ],
    [ 'several', 'user=qa-7', 1, 'list' ],
    [ 'several', 'user=x&device=y', 0, 'outside' ],
    [ 'except', 'user=carol', 1, 'all' ],
    [ 'except', 'user=alice', 0, 'outside' ],
    [ 'except', 'user=carol&device=d-file', 0, 'outside' ],
    [ 'except', '', 1, 'all' ],
    [ 'exceptqa', 'user=qa-1', 0, 'outside' ],
    [ 'exceptqa', 'user=qb-1', 1, 'all' ],
    [ 'inout', 'user=qa-8', 1, 'list' ],
    [ 'inout', 'user=qa-9', 0, 'outside' ],
    [ 'all', '', 1, 'all' ],
    [ 'zero', 'device=1', 0, 'outside' ],
    [ 'hundred', 'device=1', 1, 'percent' ],
    [ 'hundred', 'user=1', 0, 'outside' ],
    [ 'byuser', 'user=1', 1, 'percent' ],
    [ 'byuser', 'device=1', 0, 'outside' ],
    # A match that is given up: never in by it, never past it.
    [ 'slow', 'device=aaa', 1, 'list' ],
    [ 'slow', 'device=' . 'a' x 60 . 'b', 0, 'outside' ],
    [ 'slow', 'device=' . 'x' x 200 . 'zy', 0, 'outside' ],
    [ 'overrun', 'device=aaa', 0, 'outside' ],
    [ 'overrun', 'device=b', 1, 'all' ],
    [ 'overrun', 'device=' . 'a' x 60 . 'b', 0, 'outside' ],
    [ 'overrun', 'device=' . 'x' x 200 . 'zy', 0, 'outside' ],
    [ 'overrun', 'user=' . 'a' x 60 . 'b', 1, 'all' ],
    [ 'overrun', 'device=b', 1, 'all' ],
);
for my $case (@cases) {
    my ($name, $who, $in, $why) = @$case;
    is(told($name, $who, $why), $in ? "r-$name" : '-',
        "$name: " . (length $who > 40 ? substr($who, 0, 40) . '...' : $who));
}
is(told('ids', 'user=%FF'), 400, 'no UTF-8: 400');

# --- lists that change

is(told('crm', 'user=u1'), '-', 'an external list, empty');
$t->mdsctl('list', 'add', 'a', 'crm', 'u1', 'u2');
is(told('crm', 'user=u1', 'list'), 'r-crm', '... added to');
$t->mdsctl('list', 'remove', 'a', 'crm', 'u1');
is(told('crm', 'user=u1') . told('crm', 'user=u2'), '-r-crm', '... and removed');
$t->mdsctl('list', 'add', 'a', 'file', 'added');
$t->mdsctl('list', 'remove', 'a', 'file', 'first');
is(join(' ', map { told('file', "user=$_") } qw(first last added)),
    '- r-file r-file', 'over a list from a file');
$t->mdsctl('list', 'add', 'a', 'file', 'first');
is(told('file', 'user=first'), 'r-file', '... and again');

# --- choice

is(told('prio', 'user=carol'), 'low', 'the official one');
is(told('prio', 'user=alice'), 'high', 'priority comes before version');
is(told('prio', 'user=alice&version=2.0', 'current'), '-',
    '... and it is the device\'s, also if it has it');
is(told('prio', 'user=alice&refuse=2.0'), 'low', 'refused: the next');
is(told('prio', 'user=carol&brand=X1'), 'older', 'of one version: the later one');
is(told('prio', 'user=carol&refuse=3'), '-', 'refused: nothing');
is(told('scoped', $_->[0]), $_->[1], "scope: $_->[0]") for
    [ 'platform=ios&channel=store', 'scoped' ],
    [ 'platform=web&channel=store', 'scoped' ],
    [ 'platform=ios&channel=x', 'scoped-all' ],
    [ 'platform=android&channel=store', 'scoped-all' ],
    [ 'platform=ios', 'scoped-all' ], [ '', 'scoped-all' ];

# --- time

is(told('time', ''), 'ever', 'before its start');
clock(1100);
is(told('time', ''), 'soon', 'in its time');
clock(1900);
is(told('time', ''), 'soon', '... still');
clock(2001);
is(told('time', ''), 'ever', 'after its end');
is(told('time', 'version=3.0', 'current'), '-', '... nobody goes back');
clock(0);

# --- over 20,000 devices

SKIP: {
    my $load_gen = LoadGen->new or skip 'no compiler', 1;
    my $ids = 20_000;

    my $in = sub {
        my ($name, $id) = @_;
        return $load_gen->ask_all(ports => [ $t->port ], devices => $ids,
            target => "/check?app=a&kind=bundle&name=$name&" . ($id // 'device=d-#')
        )->{yes};
    };
    my $near = sub {
        my ($count, $p, $title) = @_;
        my $sigma = sqrt $ids * $p * (1 - $p);
        cmp_ok(abs($count - $ids * $p), '<=', 4 * $sigma,
            sprintf '%s: %d of %d, %.1f sigma', $title, $count, $ids,
            ($count - $ids * $p) / $sigma);
    };

    my ($p1, $p2) = ($in->('p1'), $in->('p2'));
    $near->(scalar keys %$p1, 0.3, '30 %');
    $near->(scalar keys %$p2, 0.4, '40 %');
    $near->(scalar(grep { $p2->{$_} } keys %$p1), 0.12, 'both: independent');
    is_deeply($in->('p1'), $p1, 'sticky');
    my $user = $in->('p1', 'user=u-#');
    is(scalar keys %$user, 0, 'by device: users are outside');

    my $before = $in->('growing');
    $near->(scalar keys %$before, 0.005, '0.5 %');
    for my $percent (0.75, 12.34, 60, 99.9, 100) {
        $t->mdsctl('promote', 'a', 'growing', '--percent', $percent);
        my $now = $in->('growing');
        $percent < 100 ? $near->(scalar keys %$now, $percent / 100, "$percent %")
            : is(scalar keys %$now, $ids, '100 %');
        is(scalar(grep { !$now->{$_} } keys %$before), 0, '... only adds');
        $before = $now;
    }

    $before = {};
    for my $case ([ 0, 0 ], [ 900, 0 ], [ 26_000, 0.3 ], [ 51_000, 0.5 ],
        [ 76_000, 0.7 ], [ 102_000, 0.9 ], [ 900_000, 0.9 ])
    {
        my ($s, $p) = @$case;
        # The clock goes on; the ramp has 0.0008 % a second.
        clock($s - (time - $start));
        my $now = $in->('ramp');
        $p == 0 ? is(scalar keys %$now, 0, "ramp at $s s: nobody")
            : $near->(scalar keys %$now, $p, "ramp at $s s");
        is(scalar(grep { !$now->{$_} } keys %$before), 0, '... only adds');
        $before = $now;
    }
    clock(0);
}

# --- $mds_reason

$t->stop;
my %logged = map { /^(\d+) (\S*)/ ? ($1 => $2) : () } split /\n/,
    $t->read('access.log');
is(scalar(grep { ($logged{$_} // '?') ne $reason{$_} } keys %reason), 0,
    '$mds_reason of ' . keys(%reason) . ' cases')
    or diag(join ' ', map { "$_: $logged{$_} not $reason{$_}" }
        grep { $logged{$_} ne $reason{$_} } keys %reason);

$t->finish;
