# docs/kinds.md, command by command and request by request; then a kind that
# ops invent, and bundles for ranges of versions of the app.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Device;
use MDS;
use Test::More;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $t    = MDS->new;
my $dir  = $t->dir;
my $page = $t->read("$MDS::ROOT/docs/kinds.md");

# --- the page

delete @ENV{qw(MDS_KEY MDS_DEPOT http_proxy HTTP_PROXY all_proxy)};
local $ENV{PATH}      = "$MDS::BUILD:$ENV{PATH}";
local $ENV{MDS_DEPOT} = $t->depot_dir;

mkdir "$dir/h5" . ($_ && "/$_") or die "$_: $!" for '', '1.3.0', '1.4.0';
$t->write("h5/$_/index.html", "home $_\n") for '1.3.0', '1.4.0';

# What is not the page's: digests, keys, how long it took, the random part.
sub plain {
    my ($text) = @_;
    my $port = $t->port;

    $text =~ s/127\.0\.0\.1:$port/127.0.0.1:8080/g;
    $text =~ s/\Q$dir\E\/depot/\/var\/lib\/mds/g;
    $text =~ s/\b[0-9A-F]{16}\b/KEYID/g;
    $text =~ s/\b[0-9a-f]{4}(?:[0-9a-f]{60}\b|\xe2\x80\xa6)/DIGEST/g;
    $text =~ s/ in \d+\.\d\d s/ in TIME/g;
    $text =~ s/^(MDS-Poll-After: )(?:1[89]\d\d|20\d\d|2100)$/$1SECONDS/m;
    return $text;
}

# The same, a text on the page with … being any that begins so, and a
# difference being as long as this zstd makes it.
sub same {
    my ($is, $page) = @_;

    if (ref $page eq 'HASH') {
        $is->{size} = $page->{size}
            if ref $is eq 'HASH' && $page->{format} && $is->{size} < 150;
        return ref $is eq 'HASH' && keys %$is == keys %$page
            && !grep { !exists $is->{$_} || !same($is->{$_}, $page->{$_}) }
            keys %$page;
    }
    if (ref $page eq 'ARRAY') {
        return ref $is eq 'ARRAY' && @$is == @$page
            && !grep { !same($is->[$_], $page->[$_]) } 0 .. $#$page;
    }
    return index($is, $1) == 0
        if defined $page && defined $is && $page =~ /^(.*)\x{2026}$/;
    return $json->encode($is) eq $json->encode($page);
}

sub command {
    my ($command, $says) = @_;

    if ($command =~ /^(?:export )?([A-Z_]+)=(.*)/) {
        my $name = $1;
        (my $value = $2) =~ s/:8080/':' . $t->port/e;
        $t->write('command', "V=$value\nprintf %s \"\$V\"\n");
        return $ENV{$name} = `cd $dir && sh command`;
    }

    $t->write('command', "$command\n");
    my $said = `cd $dir && sh command 2>&1`;
    my ($is, $should) = map { eval { $json->decode($_) } } $said, $says;
    ok(ref $should ? same($is, $should) : plain($said) eq plain($says),
        substr $command, 0, 70) or diag("said $said\nnot $says");
}

my ($file, %count);
while ($page =~ /^`([\w.]+)`:$|^```(\w*)\n(.*?)^```$/msg) {
    my ($named, $language, $block) = ($1, $2, $3);

    if (defined $named) {
        $file = $named;
    } elsif ($language eq 'json') {
        $t->write($file, $block);
    } elsif ($language eq 'nginx') {
        $block =~ s/\/var\/lib\/mds/%DEPOT%/;
        $block =~ s/listen 8080/listen %LISTEN%/;
        $block =~ s/\/srv\/h5\/home/%DIR%\/h5/;
        $t->start($block);
    } else {
        while ($block =~ /^\$ (.*)\n((?:(?!\$ ).*\n)*)/mg) {
            command($1, $2);
            $count{ (split / /, $1)[0] }++;
        }
    }
}
cmp_ok($count{curl}, '>=', 30, 'requests');
cmp_ok($count{mdsctl}, '>=', 12, 'commands');

# --- a kind that ops invent, with names and without

my %document = (app => 'own');
sub apply { $t->mdsctl('apply', '--force', $t->document(\%document)) }
local $ENV{MDS_KEY} = "$dir/ops.key";
$t->write('test.key', $t->read('ops.key'));
$t->write('test.pub', $t->read('ops.pub'));

my $true = JSON::PP::true;
my $noise = join '', map { chr int rand 256 } 1 .. 20_000;
for my $name ('', 'spring') {
    for my $version (1 .. 3) {
        $t->write("theme$name-$version", "$name$noise$version");
        push @{ $document{packages} }, { kind => 'x-theme', $name
            ? (name => $name) : (), version => "$version",
            file => "theme$name-$version" };
    }
    push @{ $document{releases} }, map { { id => "t$name-$_",
        kind => 'x-theme', $name ? (name => $name) : (), version => "$_",
        audience => { all => $true } } } 1, 3;
}
apply();

for my $name ('', 'spring') {
    my $device = Device->new($t, app => 'own', kind => 'x-theme',
        name => $name);
    is($device->told, "install 3 full by t$name-3", "theme '$name': new");
    is($device->told(version => 2), "install 3 full delta:2 by t$name-3",
        '... by a difference');
    is($device->told(version => 3), 'nothing', '... there');
    is($device->told(version => 9), 'nothing', '... never back');
    is($device->told(name => 'autumn'), 'nothing', '... under another name');
    is($device->told(kind => 'theme'), 'nothing', '... of another kind');

    my $said = $device->check('--have', "$dir/theme$name-1", '--out',
        "$dir/theme", version => 1);
    like($said, qr/\Aexit 0\n.*^patched /ms, '... as a device') or diag($said);
    is($t->read('theme'), $t->read("theme$name-3"), '... to the byte');

    $t->mdsctl('rollback', 'own', "t$name-3");
    is($device->told(version => 3), "rollback 1 full by t$name-3",
        '... and back');
}

# --- bundles for versions of the app, open at either end or at both

my @ranges = ([ 1 => 'any' ], [ 2 => min => '3.0.0' ],
    [ 3 => min => '3.2', max => '3.4.9' ], [ 4 => below => '2.0' ],
    [ 5 => min => '5' ], [ 6 => min => '5.1', below => '5.2' ]);
%document = (app => 'home', packages => [ map {
        my ($version, @range) = @$_;
        $t->write("home-$version", "home $version");
        { kind => 'bundle', name => 'h', version => "$version",
          file => "home-$version", meta => { global => $true,
              download => 'any', install => 'on_use' },
          @range > 1 ? (app_version => {@range}) : () } } @ranges ],
    releases => [ map { { id => "h$_->[0]", kind => 'bundle', name => 'h',
        version => "$_->[0]", audience => { all => $true } } } @ranges ]);
apply();

my $device = Device->new($t, app => 'home', kind => 'bundle', name => 'h');
my %gets = ('1' => 4, '1.99' => 4, '2.0-rc.1' => 4, '2.0' => 1, '2.9.9' => 1,
    '3.0.0-rc.1' => 1, '3' => 2, '3.1.9' => 2, '3.2.0' => 3, '3.4.9' => 3,
    '3.4.10' => 2, '4.9' => 2, '5' => 5, '5.1' => 6, '5.1.9' => 6,
    '5.2-rc.1' => 6, '5.2' => 5, '100' => 5);
for my $app_version (sort keys %gets) {
    is($device->told(app_version => $app_version),
        "install $gets{$app_version} full by h$gets{$app_version}",
        "a bundle for the app's $app_version");
}
is($device->told, 'install 1 full by h1', 'a bundle for an app unknown');
is_deeply($device->ask->{meta},
    { global => $true, download => 'any', install => 'on_use' },
    '... and what to do with it');

$t->finish;
