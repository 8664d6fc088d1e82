# Upgrade prompts: what the package and the release say to the app goes out as
# it was said, and a wrong word is found before it goes out.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Device;
use MDS;
use Test::More;

my $t   = MDS->new;
my $app = 'com.example.shop';
$t->depot;
$t->write("shop-$_.apk", "shop $_") for qw(1.0 2.0 3.0);

my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my %notes = (en => 'Faster', zh => "\x{66f4}\x{5feb}", 'pt-BR' => '');
my %document = (app => $app);
sub with_meta {
    my ($of_package, $of_release) = @_;
    $document{packages} = [ { kind => 'upgrade', platform => 'android',
        version => '2.0', file => 'shop-2.0.apk',
        $of_package ? (meta => $of_package) : () } ];
    $document{releases} = [ { id => 'r', kind => 'upgrade',
        platform => 'android', version => '2.0', audience => { all => $true },
        $of_release ? (meta => $of_release) : () } ];
    return $t->document(\%document);
}
$t->mdsctl('apply', with_meta());

$t->start(<<'EOF2');
mds_depot %DEPOT%;
server { listen %LISTEN%; location = /mds/v1/check { mds_check; } }
EOF2

my $device = Device->new($t, app => $app, kind => 'upgrade',
    platform => 'android', version => '1.0');

sub goes_out {
    my ($title, $package, $release, $is) = @_;

    $t->mdsctl('apply', '--force', with_meta($package, $release));
    is_deeply($device->ask->{meta}, $is, $title);
}

is_deeply($device->ask->{meta} // {}, {}, 'nothing said');

for my $meta (
    map({ { prompt => $_ } } qw(once always force silent)),
    map({ { remind_hours => $_ } } 0, 72, 8784),
    map({ my $key = $_; map { { $key => $_ } } qw(wifi any) }
        qw(net download)),
    { notes => \%notes },
    { notes => {} },
    { prompt => 'once', remind_hours => 24, net => 'wifi', notes => \%notes },
    { restart => $true }, { global => $false },
    { size_shown => '12 MB', 'x-own' => [ 1, { a => undef } ], '' => 'empty' },
) {
    my $title = JSON::PP->new->canonical->ascii->encode($meta);
    goes_out("of the package: $title", $meta, undef, $meta);
    goes_out("of the release: $title", undef, $meta, $meta);
}

# The release's keys go over the package's, each as a whole.
goes_out('the release\'s over the package\'s',
    { prompt => 'once', net => 'wifi', notes => \%notes, own => { a => 1 } },
    { prompt => 'force', notes => { de => 'Neu' }, own => { b => 2 } },
    { prompt => 'force', net => 'wifi', notes => { de => 'Neu' },
      own => { b => 2 } });
goes_out('... with null, too', { own => 1 }, { own => undef },
    { own => undef });

# Another release of the same package says something else.
with_meta({ notes => \%notes }, { prompt => 'silent' });
$document{lists} = { staff => { ids => ['alice'] } };
push @{ $document{releases} }, { id => 'staff', kind => 'upgrade',
    platform => 'android', version => '2.0',
    audience => { lists => ['staff'] }, meta => { prompt => 'always' } };
$t->mdsctl('apply', '--force', $t->document(\%document));
is($device->ask(user => 'alice')->{meta}{prompt}, 'always', 'the staff');
is($device->ask(user => 'bob')->{meta}{prompt}, 'silent', 'others');

# Wrong words change nothing, and name the place.
my $serial = $t->get('/mds/v1/check?' . $device->query)->header('MDS-Serial');
delete $document{lists};
for my $case (
    [ prompt => 'twice', qr/found "twice"; want/ ],
    [ prompt => $true,   qr/found true; want/ ],
    [ remind_hours => -1, qr/found -1; want/ ],
    [ remind_hours => '24', qr/found "24"; want/ ],
    [ remind_hours => 1.5, qr/found 1\.5; want/ ],
    [ net => '5g',       qr/found "5g"; want/ ],
    [ download => '',    qr/found ""; want/ ],
    [ install => 'now',  qr/found "now"; want/ ],
    [ restart => 'yes',  qr/found "yes"; want true or false/ ],
    [ global => 1,       qr/found 1; want true or false/ ],
    [ fallback => 'home.html', qr/found "home.html"; want a URL/ ],
    [ notes => 'Faster', qr/found "Faster"; want an object/ ],
) {
    my ($key, $value, $words) = @$case;
    for my $i (0, 1) {
        my @meta = (undef, undef);
        $meta[$i] = { $key => $value };
        my ($status, undef, $err)
            = $t->mdsctl_any('apply', '--force', with_meta(@meta));
        my $place = ('packages', 'releases')[$i] . "/0/meta/$key";
        is($status, 1, "$place: refused");
        like($err, qr/document\.json: \/$place: $words/, '... and told why');
    }
}
my (undef, undef, $err) = $t->mdsctl_any('apply', '--force',
    with_meta({ notes => { en => 'a', zh => 1 } }));
like($err, qr{/packages/0/meta/notes/zh: found 1; want a string},
    'notes: the very language');
is($t->get('/mds/v1/check?' . $device->query)->header('MDS-Serial'), $serial,
    'none of them changed a thing');

$t->finish;
