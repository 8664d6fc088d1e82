#!/usr/bin/perl

# Keys are lost and stolen, from start to end, by the commands of
# docs/secure.md: a device with the first root built in goes on, a thief with
# an edge of his own and the stolen key gets nowhere, and no app is shipped.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use Test::More;

my $t   = MDS->new;
my $dir = $t->dir;
my $app = 'com.example.shop';

# The commands of a section of the page.
my $page = $t->read("$MDS::ROOT/docs/secure.md");

sub does {
    my ($section, $n) = @_;
    my ($text) = $page =~ /^#+ \Q$section\E\n(.*?)(?=^##)/ms or die "$section: not there";
    my @blocks = $text =~ /^```bash\n(.*?)^```/msg;
    my ($code, $out, $err) = $t->run({ MDS_KEY => "$dir/ops.key",
        MDS_DEPOT => $t->depot_dir, PATH => "$MDS::BUILD:$ENV{PATH}" }, 'sh', '-ec',
        "cd $dir\n$blocks[$n // 0]");
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $code, 0, "$section: the commands run" or diag "$out$err";
}

# mdsctl with a depot and keys.
sub ctl {
    my ($depot, %keys) = @_;
    my $words = delete $keys{words};
    my ($code, $out, $err) = $t->run({ MDS_DEPOT => $depot,
        MDS_KEY => "$dir/" . ($keys{key} // 'ops') . '.key' }, "$MDS::BUILD/mdsctl",
        @$words, $keys{head} ? ('--head-key', "$dir/$keys{head}.key") : ());
    die "@$words: $err" if $code != 0;
    return $out;
}

# What the device gets from an edge: exit code and errors.
sub device {
    my ($edge) = @_;
    my ($code, $out, $err) = $t->run({}, "$MDS::BUILD/mdsctl", 'check',
        $t->url("/$edge/"), '--root', "$dir/built-into-the-app.json", "app=$app",
        'kind=upgrade', 'platform=android', 'version=1.0');
    return wantarray ? ($code, $err, $out) : $code;
}

sub refused {
    my ($edge, $words, $name) = @_;
    my ($code, $err) = device($edge);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $code, 3, "$name: refused";
    like $err, qr/$words.*: keep what is installed/, '... says why';
}

sub releases {
    my ($depot, $version, %keys) = @_;
    $t->write("app-$version", "the app $version");
    ctl($depot, %keys, words => [ 'publish', "$dir/app-$version", '--app', $app, qw(--kind
        upgrade --platform android --version), $version, '--deltas', '0' ]);
    ctl($depot, %keys, words => [ 'release', $app, "r$version", qw(--kind upgrade --platform
        android --all --version), $version ]);
}

# The thief has what an edge has: a copy of the depot. His edge would notice only
# within a second that its depot was replaced: new workers open it at once.
sub copies {
    my ($from) = @_;
    system('rm', '-rf', "$dir/thief") == 0 or die;
    system('cp', '-a', $from // $t->depot_dir, "$dir/thief") == 0 or die;
    $t->reload if $t->{pid};
}

$t->mdsctl('keygen', "$dir/ops");
$t->mdsctl('init');
releases($t->depot_dir, '1.0');
releases($t->depot_dir, '2.0');
copies();
system('cp', '-a', $t->depot_dir, "$dir/rootless") == 0 or die;

$t->start(<<'END');
server {
    listen %LISTEN%;
    location /true/  { mds_depot %DEPOT%;
        location = /true/check  { mds_check; }
        location   /true/files/ { mds_files; }
        location   /true/trust/ { mds_trust; } }
    location /thief/ { mds_depot %DIR%/thief;
        location = /thief/check  { mds_check; }
        location   /thief/files/ { mds_files; }
        location   /thief/trust/ { mds_trust; } }
}
END

# --- from start

does('Roots', 0);
my ($code, $err, $out) = device('true');
is $code, 0, 'the device gets its upgrade' or diag $err;
like $out, qr/^verified /m, '... verified';
copies();
does('Roots', 1);
is device('true'), 0, 'a renewed root: the device goes on';
refused('thief', 'serial', 'an edge that replays the state before');

# --- a root key is lost

does('A root key is lost');
is device('true'), 0, 'a root key is lost: the device goes on';

# --- the signing key is stolen: the thief signs a version of his own

copies();
releases("$dir/thief", '6.6');
refused('thief', 'gives no head', 'a version that the thief has signed, without a head');

# mdsctl refuses a key that the root does not name; so the thief has no root.
is eval { ctl("$dir/thief", head => 'ops', words => ['head']) }, undef, 'a head by the stolen key';
like $@, qr/must not sign heads/, '... is refused by mdsctl';
copies("$dir/rootless");
releases("$dir/thief", '6.6');
ctl("$dir/thief", head => 'ops', words => ['head']);
refused('thief', 'not signed by a head key', '... with a head by the stolen key');
does('A signing key is stolen');
is device('true'), 0, 'another signing key: the device goes on';
refused('thief', 'not signed by a head key', '... and the thief does not');

# --- the head key is stolen: the thief brings back a version that was withdrawn

releases($t->depot_dir, '3.0', key => 'ops-2027', head => 'head');
is device('true'), 0, 'a new version';
copies();
ctl($t->depot_dir, key => 'ops-2027', head => 'head', words => [ 'pause', $app, 'r3.0' ]);
is device('true'), 0, '... is withdrawn';
refused('thief', 'serial', '... and replayed');
ctl("$dir/thief", head => 'head', words => ['head']) for 1 .. 30;
is device('thief'), 0, 'the stolen head key makes it look as if it were in force';
refused('true', 'was seen before', '... and its serial is ahead: the device is held');
does('A head key is stolen');
is device('true'), 0, 'another head key: the device recovers';
refused('thief', 'not signed by a head key', '... and the thief does not');

$t->finish;
