# A device that walks through versions by differences, as a device does it, and
# has the very bytes of each. Archives are made of files of this system, and
# change a little from version to version.
#
# MDS_REAL=DIR walks through the files of a folder instead, in the order of
# their names, and says how large the differences were.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use Device;
use MDS;
use Test::More;
use Time::HiRes qw(time);

my $t   = MDS->new;
my $app = 'com.example.walk';
$t->depot;

# A tar, to the byte the same for the same files: ustar, no times, no owners.
sub tar {
    my (%files) = @_;
    my $tar = '';

    for my $name (sort keys %files) {
        my $head = pack 'a100 a8 a8 a8 a12 a12 A8 a1 a100 a6 a2 a32 a32 a8 a8'
            . ' a155 x12', $name, "0000644\0", ("0000000\0") x 2,
            sprintf('%011o', length $files{$name}) . "\0", "00000000000\0", '',
            '0', '', "ustar\0", '00', '', '', ("0000000\0") x 2, '';
        substr($head, 148, 8) = sprintf "%06o\0 ", unpack '%32C*', $head;
        $tar .= $head . $files{$name} . "\0" x (-length($files{$name}) % 512);
    }

    return $tar . "\0" x 1024;
}

# Ten versions: files come, go, change in a line or in their middle.
sub made_versions {
    my @paths = (sort glob '/usr/share/perl/5*/*.pm')[ 0 .. 14 ];
    my %files = map { ((split m{/})[-1] => $t->read($_)) }
        grep { defined && -s $_ } @paths, '/bin/cat';
    my @names = sort keys %files;
    my @versions;

    srand 10;
    for my $version (1 .. 10) {
        my $name = $names[ rand @names ];
        $files{VERSION} = "1.$version\n";
        $files{$name} .= "# changed in 1.$version\n";
        substr($files{ $names[ rand @names ] }, 100, 3) = "v$version";
        $files{"new-$version.pm"} = join "\n", reverse split /\n/,
            $files{ $names[ rand @names ] };
        delete $files{ 'new-' . ($version - 3) . '.pm' };

        $t->write("walk-1.$version.tar", tar(%files));
        push @versions, [ "1.$version", "$t->{dir}/walk-1.$version.tar" ];
    }

    return @versions;
}

my $real = $ENV{MDS_REAL};
my $n    = 1;
my @versions = $real ? map({ [ $n++, $_ ] } sort grep { -f } glob "$real/*")
    : made_versions();
cmp_ok(scalar @versions, '>=', 2, 'versions');

# Each is published as it comes out, and the device takes it.
$t->start(<<'EOF2');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /mds/v1/check  { mds_check; }
    location /mds/v1/files/   { mds_files; }
}
EOF2

my $device = Device->new($t, app => $app, kind => 'bundle', name => 'walk');

sub publish {
    my ($version, $path) = @_;
    my $start = time;

    $t->mdsctl('publish', $path, '--app', $app, '--kind', 'bundle', '--name',
        'walk', '--version', $version, '--deltas', 2);
    $t->mdsctl('release', $app, "r-$version", '--kind', 'bundle', '--name',
        'walk', '--version', $version, '--all');
    return time - $start;
}

# What the device has to the byte, and how it came by it.
sub step {
    my ($have, $to, $path) = @_;
    my $start = time;
    my $said  = $device->check($have ? ('--have', "$t->{dir}/have") : (),
        '--out', "$t->{dir}/new", version => $have);
    my $took = time - $start;

    like($said, qr/\Aexit 0\n/, "to $to: done") or diag($said);
    is(sha256_hex($t->read('new')), sha256_hex($t->read($path)),
        '... to the byte');
    rename "$t->{dir}/new", "$t->{dir}/have" or die "rename: $!";
    return ($said, $took);
}

my ($have, %small) = (undef);
for my $step (@versions) {
    my ($version, $path) = @$step;
    my $made = publish($version, $path);
    my ($said, $took) = step($have, $version, $path);

    if (defined $have) {
        my $m    = $device->ask(version => $have);
        my $full = $m->{full}{size};
        is($m->{delta}{from}, $have, "... $have to $version: a difference");
        like($said, qr/^patched /m, '... is used');
        cmp_ok($m->{delta}{size} // $full, '<', 0.2 * $full, '... and small')
            if !$real;
        diag(sprintf '%s: full %d, difference %d (%.1f %%), published in'
            . ' %.2f s, taken in %.2f s', (split m{/}, $path)[-1], $full,
            $m->{delta}{size} // 0, 100 * ($m->{delta}{size} // 0) / $full,
            $made, $took) if $real;
    }
    $have = $version;
}

# It may leave one out, but not more than there are differences for.
if (!$real) {
    my %has = map { @$_ } @versions;
    for my $case ([ 2, 'patched' ], [ 3, 'full' ]) {
        my ($back, $how) = @$case;
        my ($from, $to) = @versions[ -1 - $back, -1 ];

        $t->write('have', $t->read($from->[1]));
        my ($said) = step($from->[0], @$to);
        like($said, $how eq 'full' ? qr/^download +full,/m : qr/^patched /m,
            "... $back versions at once: $how");
    }
}

$t->finish;
