# An attribute that nginx sets cannot be claimed by a device; attributes are
# inherited name by name.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use Test::More;

my $t = MDS->new;
$t->depot;
$t->write('app.bin', 'package');
$t->mdsctl('apply', $t->document({
    app      => 'a',
    lists    => { staff => { ids => ['alice'] } },
    packages => [ { kind => 'upgrade', version => '1.0', file => 'app.bin' } ],
    releases => [ { id => 'r', kind => 'upgrade', version => '1.0',
                    audience => { lists => ['staff'] } } ],
}));

$t->start(<<'EOF2');
mds_depot %DEPOT%;
mds_attribute kind upgrade;
server {
    listen %LISTEN%;

    location = /open   { mds_check; }
    location = /header { mds_check; mds_attribute user $http_x_user; }
    location = /absent { mds_check; mds_attribute user ""; }
    location = /fixed  { mds_check; mds_attribute user alice; }
    location = /kind   { mds_check; mds_attribute kind other; }
    location = /app    { mds_check; mds_attribute app a; }
    location = /bad    { mds_check; mds_attribute version $arg_v; }

    location /nested/ {
        mds_attribute user alice;
        mds_attribute app  other;
        location = /nested/check { mds_check; mds_attribute app a; }
        location = /nested/if {
            mds_check;
            mds_attribute app a;
            if ($arg_x) { set $y 1; }
        }
    }
}
EOF2

my @cases = (
    # [ path, X-User, status, title ]
    [ '/open?app=a&user=alice',   undef,   200, 'a claim, where it may be made' ],
    [ '/open?app=a&user=carol',   undef,   204, 'another one' ],
    [ '/open?app=a',              undef,   204, 'none' ],

    [ '/header?app=a',            'alice', 200, 'set by a header' ],
    [ '/header?app=a&user=alice', undef,   204, 'unset: the claim is dropped' ],
    [ '/header?app=a&user=alice', '',      204, 'empty: the claim is dropped' ],
    [ '/header?app=a&user=alice', 'carol', 204, 'set: the claim is dropped' ],
    [ '/header?app=a&user=carol', 'alice', 200, 'set: the claim is dropped' ],
    [ '/header?app=a&%75ser=alice', 'carol', 204, '... however it is written' ],

    [ '/absent?app=a&user=alice', undef,   204, 'set to nothing' ],
    [ '/fixed?app=a',             undef,   200, 'set to alice' ],
    [ '/fixed?app=a&user=carol',  undef,   200, '... for everybody' ],
    [ '/fixed?app=a&user=a&user=b', undef, 400, '... a doubled one is wrong' ],
    [ '/fixed?app=a&user=%ff',    undef,   400, '... a broken one too' ],

    [ '/open?app=a&user=alice&kind=x', undef, 200, 'inherited from http' ],
    [ '/kind?app=a&user=alice',   undef,   204, 'set anew in the location' ],
    [ '/app?user=alice',          undef,   200, 'a required one can be set' ],
    [ '/app?user=alice&app=b',    undef,   200, '... and stays so' ],
    [ '/bad?app=a&v=x',           undef,   400, 'a set version has to be one' ],
    [ '/bad?app=a&v=1.0',         undef,   204, '... and may be one' ],

    [ '/nested/check',            undef,   200, 'name by name' ],
    [ '/nested/check?user=carol&app=x', undef, 200, '... and stays so' ],
    [ '/nested/if?x=1',           undef,   200, 'an if keeps handler and names' ],
);

for my $case (@cases) {
    my ($path, $user, $status, $title) = @$case;
    my $r = $t->get($path, defined $user ? ('X-User', $user) : ());
    is($r->status, $status, "$title: $path") or diag($r->body);
}

$t->finish;
