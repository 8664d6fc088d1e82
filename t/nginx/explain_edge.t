# mds_explain: the edge explains a decision as mdsctl does, takes no place in a
# window, and lets the operator ask with attributes that devices cannot set.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Schema;
use Test::More;

my $t = MDS->new;
$t->depot;
$t->write("b$_", "package $_") for 1 .. 4;

my $true   = JSON::PP::true;
my $until  = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 86400));
my @cities = map { my $city = "\x{5317}\x{4eac}$_"; $city } 1 .. 200;

$t->mdsctl('apply', $t->document({
    app => 'a',
    lists => { staff => { ids => ['alice'] } },
    packages => [ map({ { kind => 'upgrade', platform => 'android',
        version => "$_.0", file => "b$_" } } 1 .. 3),
        { kind => 'hotfix', version => '2', file => 'b4',
          app_version => { min => '3.1', max => '3.1' } } ],
    releases => [
        { id => 'base', kind => 'upgrade', version => '1.0', platform => 'android',
          audience => { all => $true } },
        { id => 'staff', kind => 'upgrade', version => '2.0', platform => 'android',
          audience => { lists => ['staff'] },
          rules => [ { attribute => 'city', op => 'in', values => \@cities } ] },
        { id => 'win', kind => 'upgrade', version => '3.0', platform => 'android',
          audience => { window => { count => 1, until => $until } } },
        { id => 'fix', kind => 'hotfix', version => '2', audience => { all => $true } },
        map({ { id => "v$_", kind => 'config', name => "k$_", value => { n => $_ },
          audience => { all => $true } } } 1 .. 3),
    ],
}));
$t->start(<<'EOC');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    mds_attribute user $http_x_user;
    mds_attribute city "";
    location = /check   { mds_check; }
    location = /explain { mds_explain; allow 127.0.0.1; deny all; }
    location = /other   { mds_explain; deny all; }
}
EOC

my $schema = Schema->new("$MDS::ROOT/docs/schema/explain.json");
my $JSON   = JSON::PP->new->utf8->canonical;

sub explains {
    my ($query, @headers) = @_;
    my $r = $t->get("/explain?$query", @headers);
    is($r->status, 200, $query) or diag($r->body);
    is_deeply([ $schema->errors($r->json) ], [], '... by the schema');
    return $r;
}

# --- the same as mdsctl, byte for byte once both are canonical

my $ask = 'app=a&kind=upgrade&platform=android';
for my $query ($ask, "$ask&user=alice&city=%E5%8C%97%E4%BA%AC7", "$ask&version=9",
    "$ask&device=d1", 'app=x&kind=upgrade', 'app=a&kind=config',
    'app=a&kind=config&name=k2', 'app=a&kind=hotfix&app_version=3.2&version=2')
{
    my $r = explains($query);
    my $e = $r->json;
    delete $e->{overrides};
    my @words = map { s/%(..)/chr hex $1/ger } split /&/, $query;
    is($JSON->encode($e), $JSON->encode($JSON->decode(
        $t->mdsctl('--json', 'explain', @words))), '... as mdsctl does');
}

my $r = explains("$ask&user=alice");
is($r->header('Content-Type'), 'application/json', 'its type');
is($r->header('Cache-Control'), 'no-store', '... not stored');
is($r->header('MDS-Serial'), 1, '... its serial');

# --- long texts end with a whole character

my ($staff) = grep { $_->{release} eq 'staff' } @{ $r->json->{candidates} };
my ($rule)  = grep { $_->{test} eq 'rule' } @{ $staff->{tests} };
like($rule->{wants}, qr/\x{5317}.*\x{2026}\z/, 'a long rule is cut behind a character');

# --- attributes that the operator sets

is_deeply($r->json->{overrides}, ['user'], 'what replaces an operator\'s attribute is named');
is(explains($ask, 'X-User', 'alice')->json->{overrides}, undef, '... and nothing else');
my %seen = map { $_->{test} => $_ } @{ (grep { $_->{release} eq 'staff' }
    @{ explains($ask, 'X-User', 'alice')->json->{candidates} })[0]{tests} };
is($seen{list}{seen}, 'alice', 'the operator\'s attribute counts where the query has none');
is_deeply(explains("$ask&city=x&user=", 'X-User', 'alice')->json->{overrides},
    [qw(user city)], 'an empty one replaces it, too');
is($t->get("/check?$ask&user=alice&city=%E5%8C%97%E4%BA%AC7&version=1.0")->status, 204,
    'a device cannot do that');

# --- no place in the window

my ($win) = grep { $_->{release} eq 'win' } @{ explains("$ask&device=d1")->json->{candidates} };
my ($window) = grep { $_->{test} eq 'window' } @{ $win->{tests} };
like($window->{wants}, qr/^0 of 1/, 'nobody is in the window');
is($t->get("/check?$ask&device=d2")->json->{release}, 'win', 'its place is still there');
is($t->get("/check?$ask&device=d1")->json->{release}, 'base', '... and is taken now');


# --- refusals

is($t->get('/other?' . $ask)->status, 403, 'access is nginx\'s to decide');
is($t->get('/explain?app=a')->status, 400, 'a kind is needed');
is($t->get("/explain?$ask&version=latest")->status, 400, 'a version must be one');
is($t->request('POST', '/explain', 'Content-Length', 0)->header('Allow'), 'GET, HEAD',
    'it is read only');
is($t->head("/explain?$ask")->body, '', 'HEAD has no body');

# --- an answer has a bound

$t->mdsctl('apply', $t->document({ app => 'b',
    packages => [ { kind => 'upgrade', version => '1', file => 'b1', platform => 'android' } ],
    releases => [ map { { id => "r$_", kind => 'upgrade', version => '1', platform => 'android',
        audience => { percent => 1 }, rules => [ map { { attribute => "a$_", op => 'in',
        values => [ map { 'v' x 200 . $_ } 1 .. 2 ] } } 1 .. 45 ] } } 1 .. 700 ] }));
my $long = explains('app=b&kind=upgrade&platform=android');
cmp_ok($long->json->{omitted}, '>', 0, 'a long answer is cut');
is(($long->json->{omitted} // 0) + @{ $long->json->{candidates} }, 700, '... and says by how much');

$t->finish;
