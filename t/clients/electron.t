# electron-updater, from the npm registry, updates by the recipe of
# docs/clients.md: at 30, 0 and 100 percent, paused, and never to a false file.

use strict;
use warnings;

use Digest::SHA qw(sha1_base64);
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Compress::RawDeflate qw(rawdeflate);
use JSON::PP;
use Recipe;
use Test::More;

my ($modules, $why) = Recipe::npm();
plan skip_all => $why if !defined $modules;

# An AppImage ends with a block map, by which the updater finds the blocks that it
# has. The third and the seventh of ten blocks are another in each version.
sub app_image {
    my ($version) = @_;
    my @blocks = map { my $name = $_ == 2 || $_ == 6 ? "$_ of $version" : $_;
        $name . ' ' . 'x' x (4_999 - length $name) } 0 .. 9;
    my $map = encode_json({ version => '2', files => [ { name => 'file', offset => 0,
        checksums => [ map { sha1_base64($_) } @blocks ], sizes => [ map { length } @blocks ] } ] });
    rawdeflate(\$map => \my $deflated) or die;
    return join('', @blocks) . $deflated . pack 'N', length $deflated;
}

my %file = map { ("Shop-$_.AppImage" => app_image($_)) } '1.0.0', '1.1.0';
my $t = Recipe->new('electron-updater', files => \%file);
my $runs = 0;

sub client {
    my ($device, $have, @old) = @_;
    my ($status, $out, $err) = $t->run({}, 'node', "$FindBin::Bin/electron.js",
        $modules, $t->url('/desktop/'), $have // '1.0.0',
        $t->dir . '/client' . $runs++, $device, @old);
    return JSON::PP->new->utf8->decode($out) if $status == 0 && $out ne '';
    die "exit $status: $err";
}

sub device { return sprintf '00000000-0000-5000-8000-%012d', $_[0] }

# By the code that nginx runs, in another program.
sub entitled {
    my ($device) = @_;
    my $said = $t->mdsctl('--json', 'explain', 'app=com.example.desktop',
        'kind=upgrade', 'platform=linux', "device=$device");
    return JSON::PP->new->utf8->decode($said)->{version};
}

my (%by, $r);
$by{ entitled(device($_)) } //= device($_) for 1 .. 12;
my ($in, $out) = @by{qw(1.1.0 1.0.0)};
ok(defined $in && defined $out, 'at 30 percent some are in, and some are not');

$r = client($in);
is($r->{version}, '1.1.0', 'who is in is offered the new version');
is($r->{notes}, 'Faster: "really"', '... with its notes');
is($t->read($r->{file} // '/dev/null'), $file{'Shop-1.1.0.AppImage'},
    '... and has the file');
$r = client($in, '1.0.0', $t->dir . '/Shop-1.0.0.AppImage');
is($t->read($r->{file} // '/dev/null'), $file{'Shop-1.1.0.AppImage'},
    'by differences: the same file') or diag explain $r;
is_deeply([ @{ $r->{ranges} }[ 1 .. $#{ $r->{ranges} } ] ], ['bytes=10000-14999, 30000-34999'],
    '... by the block map, and the two blocks that it lacks in one request');
ok(!client($out)->{available}, 'who is not in has nothing to do');
ok(!client($in, '1.1.0')->{available}, 'nor has who is current');

$t->mdsctl(qw(promote com.example.desktop linux-1.1.0 --percent 0));
ok(!client($in)->{available}, '0 percent: nobody');
$t->mdsctl(qw(promote com.example.desktop linux-1.1.0 --percent 100));
is(client($out)->{version}, '1.1.0', '100 percent: everybody');
$t->mdsctl(qw(pause com.example.desktop linux-1.1.0));
ok(!client($out)->{available}, 'paused: nobody');
$t->mdsctl(qw(resume com.example.desktop linux-1.1.0));

my ($sha) = $t->get('/desktop/latest-linux.yml', 'x-user-staging-id' => $in)->body
    =~ /sha2: "([0-9a-f]{64})"/;
my $stored = $t->depot_dir . "/files/$sha";
chmod 0644, $stored or die $!;
$t->write("depot/files/$sha", '1.1.0 ' . 'y' x 50_000);
$r = client($in);
like($r->{error}, qr/checksum mismatch/, 'a file that is not the one: refused')
    or diag explain $r;

$t->mdsctl(qw(end com.example.desktop linux-1.1.0));
$t->mdsctl(qw(end com.example.desktop linux-1.0.0));
like(client($in)->{error}, qr/404/, 'no release at all: an error');
is($t->get("/desktop/$_")->status, 404, "$_: 404")
    for 'latest-bsd.yml', 'latest.yml', 'x/y', 'abc/Shop.exe';

$t->finish;
