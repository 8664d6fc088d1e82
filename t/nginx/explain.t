# mdsctl explain says what nginx does, and why: for a sample of devices the
# action, the release, the version and the reason are those of the answer and
# of the access log; and it names every test with the value that it saw.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Test::More;

my $seed = $ENV{MDS_SEED} // time;
srand $seed;
diag("MDS_SEED=$seed");

my $t = MDS->new(workers => 2);
$t->depot;
$t->write("b$_", "package $_") for 1 .. 4;

sub at { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + $_[0])) }
sub text { my ($bytes) = @_; utf8::decode($bytes); return $bytes }

my ($true, $JSON) = (JSON::PP::true, JSON::PP->new->utf8);
my $city = text('北京');

my %document = (
    app   => 'a',
    lists => {
        staff => { ids => ['u1'] }, lab => { ids => ['d1'], by => 'device' },
        qa => { patterns => ['^u[4-6]$'] },
    },
    packages => [ map({ { kind => 'bundle', name => 'b', version => "$_.0",
        file => "b$_", platform => [qw(android ios)] } } 1 .. 4),
        map { { kind => 'sdk', name => 's', version => "$_.0", file => "b$_",
            deltas => 0 } } 1 .. 3 ],
    releases => [
        { id => 'base', kind => 'bundle', name => 'b', version => '1.0',
          audience => { all => $true } },
        { id => 'list', kind => 'bundle', name => 'b', version => '2.0',
          audience => { lists => [ 'staff', 'lab' ] } },
        { id => 'pct', kind => 'bundle', name => 'b', version => '3.0',
          platform => 'android', audience => { percent => 37.5 },
          rules => [ { attribute => 'brand', op => 'in', values => ['X*', 'Y'] },
              { attribute => 'os_version', op => 'range', min => '9', max => '14' } ] },
        { id => 'back', kind => 'bundle', name => 'b', version => '4.0',
          state => 'rolled_back', audience => { all => $true } },
        { id => 'win', kind => 'bundle', name => 'b', version => '3.0',
          platform => 'ios', audience => { except => ['qa'],
              window => { count => 3, until => at(86400) } },
          rules => [ { attribute => 'city', op => 'not_in', values => [$city] } ] },
        { id => 'ramp', kind => 'bundle', name => 'b', version => '2.0',
          channel => 'store', audience => { ramp => { from => 60, to => 60,
              start => at(-100), end => at(100) } } },
        { id => 'sdk', kind => 'sdk', name => 's', version => '3.0',
          audience => { all => $true }, delta => { missing => 'none' } },
    ],
);
$t->mdsctl('apply', $t->document(\%document));

$t->start(<<'EOF2');
mds_depot %DEPOT%;
log_format mds '$arg_n $mds_action $mds_release $mds_version $mds_reason';
server {
    listen %LISTEN%;
    location = /check { mds_check; access_log %DIR%/access.log mds; }
}
EOF2

sub one { $_[ rand @_ ] }

sub device {
    my %d = (app => one(('a') x 20, 'none'), kind => one(('bundle') x 8, 'sdk', 'x'));
    $d{name} = $d{kind} eq 'sdk' ? 's' : one(('b') x 12, 'none');
    my %maybe = (
        platform => [qw(android ios)], channel => [qw(store other)],
        version => [ '1.0', '2', '3.0', '4.0', '5.0', 'v2.0.0' ],
        user => [ map { "u$_" } 1 .. 6 ], device => [ map { "d$_" } 1 .. 12 ],
        brand => [qw(X1 X Y Z)], os_version => [qw(8 9 13.1 14 15 odd)],
        city => [ '北京', '上海' ], refuse => [ '3.0', '2.0,3', '9' ],
    );
    for my $name (sort keys %maybe) {
        $d{$name} = one(@{ $maybe{$name} })
            if rand() < ($name eq 'refuse' ? 0.1 : 0.8);
    }
    return \%d;
}

sub query {
    my ($d) = @_;
    return join '&', map { my $v = $d->{$_}; $v =~ s/([^A-Za-z0-9._-])/sprintf '%%%02X', ord $1/ge;
        "$_=$v" } sort keys %$d;
}

# The window is filled first: explain takes no place.
$t->get("/check?app=a&kind=bundle&name=b&platform=ios&city=x&version=1.0&device=d$_")
    for 2 .. 5;

# One for each reason, then any.
my @b = (app => 'a', kind => 'bundle', name => 'b');
my @first = (
    { @b },
    { @b, version => '5.0' },
    { @b, user => 'u1', version => '1.0' },
    { @b, version => '4.0' },
    { @b, refuse => '1.0' },
    { @b, platform => 'ios', city => 'x', device => 'd3' },
    { @b, name => 'x' },
    { app => 'a', kind => 'sdk', name => 's', version => '1.0' },
    map({ { @b, channel => 'store', device => "d$_", platform => 'ios' } } 1 .. 20),
    map({ { @b, platform => 'android', brand => 'X', os_version => 10,
        device => "d$_" } } 1 .. 20),
);

my (%seen, @devices);
for my $n (1 .. 200) {
    my $d = shift @first // device();
    my $r = $t->get('/check?' . query($d) . "&n=$n");
    push @devices, [ $n, $d, $r ];
}
$t->wait_for(sub { $t->read('access.log') =~ /^200 /m });
my %logged = map { /^(\d+) (.*)$/ ? ($1 => $2) : () } split /\n/, $t->read('access.log');

for my $case (@devices) {
    my ($n, $d, $r) = @$case;
    my $e = $JSON->decode($t->mdsctl('--json', 'explain', map { "$_=$d->{$_}" }
        sort keys %$d));
    my $said = join ' ', map { length $_ ? $_ : '-' } $e->{action}, $e->{release},
        $e->{version}, $e->{reason};
    $seen{ $e->{reason} }++;

    my $same = $said eq ($logged{$n} // '') && ($r->status == 204
        ? !exists $e->{manifest}
        : JSON::PP->new->canonical->encode($e->{manifest})
            eq JSON::PP->new->canonical->encode($r->json));
    if (!$same) {
        fail("explain and nginx differ: " . query($d));
        diag("explain $said\nnginx   $logged{$n}");
    }
}
is(join(' ', sort keys %seen),
    'all current list no_delta outside percent ramp rolled_back unknown window',
    'explain and nginx agree on 200 devices, of every reason')
    or diag(join ', ', map { "$_ $seen{$_}" } sort keys %seen);

# --- every candidate, every test, in order

my $e = $JSON->decode($t->mdsctl('--json', 'explain', 'app=a', 'kind=bundle',
    'name=b', 'platform=android', 'version=1.0', 'brand=Z', 'device=d7',
    'user=u1', 'os_version=odd'));
is_deeply([ map { $_->{release} } grep { $_->{for} eq 'release' }
    @{ $e->{candidates} } ], [qw(back win pct ramp list base)],
    'every candidate, in order of choice')
    or diag(JSON::PP->new->pretty->encode($e));
my %of = map { $_->{release} => $_ } @{ $e->{candidates} };
is_deeply([ map { $_->{holds} ? 1 : 0 } @of{qw(back win pct ramp list base)} ],
    [ 0, 0, 0, 0, 1, 1 ], '... its verdict');
is($e->{reason} . $e->{release}, 'listlist', '... and what came of it');

my %tests = map { $_->{test} . ' ' . $_->{subject} => $_ } @{ $of{pct}{tests} };
is($tests{'rule brand'}{seen}, 'Z', 'a rule, with the value it saw');
ok(!$tests{'rule brand'}{holds}, '... and its verdict');
like($tests{'rule brand'}{wants}, qr/Y, X\*/, '... what it wants');
is($tests{'rule os_version'}{seen}, 'odd', '... also behind one that failed');
like($tests{'percent '}{wants}, qr/^bucket \d+\.\d{4}, must be below 37\.5000$/,
    'a percentage: bucket and threshold');
my ($rule) = grep { $_->{test} eq 'rule' } @{ $of{win}{tests} };
is($rule->{seen}, '', 'an absent attribute');
ok(!$rule->{holds}, '... fails a not_ rule too');
my ($window) = grep { $_->{test} eq 'window' } @{ $of{win}{tests} };
like($window->{wants}, qr/^3 of 3, until \d{4}-.*it is full/, 'a window: count');
my @hits = grep { $_->{test} eq 'list' } @{ $of{list}{tests} };
is_deeply([ map { "$_->{subject} " . ($_->{holds} ? 1 : 0) } @hits ],
    [ 'staff 1', 'lab 0' ], 'list hits');

my $words = $t->mdsctl('explain', 'app=a', 'kind=bundle', 'name=b',
    'platform=android', 'version=1.0', 'brand=Z', 'device=d7', 'user=u1');
like($words, qr/rule brand "Z": .*Y, X\*/, 'in words: a rule');
like($words, qr/reason: list \(it is on a list\)/, '... the reason');

$t->finish;
