# apt reads a repository of the version for its machine, by the recipe of
# docs/clients.md: at 0 and 100 percent, paused, rolled back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Recipe;
use Test::More;

plan skip_all => 'apt is not installed' if system('command -v apt-get > /dev/null') != 0;

my $t = Recipe->new('APT', paths => { '/srv/apt' => 'srv' }, before => <<'END');
for day in 1 2; do
    mkdir -p day-$day/dists/stable/main/binary-all srv/pool build-$day/DEBIAN
    printf 'Package: shop\nVersion: %s.0\nArchitecture: all\nMaintainer: a <a@example.com>\nDescription: a shop\n' \
        $day > build-$day/DEBIAN/control
    dpkg-deb -b build-$day srv/pool/shop_$day.0_all.deb > build.log
    ( cat build-$day/DEBIAN/control
      echo "Filename: pool/shop_$day.0_all.deb"
      echo "Size: $(stat -c %s srv/pool/shop_$day.0_all.deb)"
      echo "SHA256: $(sha256sum srv/pool/shop_$day.0_all.deb | cut -d ' ' -f 1)"
    ) > day-$day/dists/stable/main/binary-all/Packages
    ( cd day-$day/dists/stable
      printf 'Suite: stable\nCodename: stable\nArchitectures: all\nComponents: main\nDate: %s\nSHA256:\n' \
          "$(date -Ru -d "2026-11-0$day")"
      printf ' %s %s main/binary-all/Packages\n' \
          "$(sha256sum main/binary-all/Packages | cut -d ' ' -f 1)" \
          "$(stat -c %s main/binary-all/Packages)"
    ) > day-$day/dists/stable/Release
done
mkdir -p apt/lists/partial apt/cache/archives/partial
echo "deb [trusted=yes arch=all] $EDGE/apt stable main" > apt/sources.list
: > apt/status
chmod -R a+rX .
END

# What apt would install after it has read the repository; or its error. A new
# machine has read none before.
sub candidate {
    my (%machine) = @_;
    unlink glob $t->dir . '/apt/lists/*stable*' if $machine{new};
    my @options = map { ('-o', $_) } "Dir::State::lists=@{[ $t->dir ]}/apt/lists",
        "Dir::Cache=@{[ $t->dir ]}/apt/cache", "Dir::State::status=@{[ $t->dir ]}/apt/status",
        "Dir::Etc::sourcelist=@{[ $t->dir ]}/apt/sources.list", 'Dir::Etc::sourceparts=-',
        'Dir::Etc::main=-', 'Dir::Etc::parts=-', 'APT::Sandbox::User=root',
        'Acquire::Languages=none', 'Debug::NoLocking=1';
    my ($status, undef, $err) = $t->run({}, 'apt-get', @options, '-qq', 'update');
    return $err if $status != 0;
    my ($done, $out) = $t->run({}, 'apt-cache', @options, 'policy', 'shop');
    return $out =~ /Candidate: (\S+)/ ? $1 : "$out$err";
}

$t->mdsctl(qw(promote com.example.apt day-2 --percent 0));
is(candidate(), '1.0', '0 percent: the version for all');
$t->mdsctl(qw(promote com.example.apt day-2 --percent 100));
is(candidate(), '2.0', '100 percent: the next');
$t->mdsctl(qw(pause com.example.apt day-2));
is(candidate(new => 1), '1.0', 'paused: a new machine has the version for all');
$t->mdsctl(qw(resume com.example.apt day-2));
is(candidate(), '2.0', 'resumed');
$t->mdsctl(qw(rollback com.example.apt day-2));
is(candidate(), '2.0', 'rolled back: apt keeps an index that is newer');
is(candidate(new => 1), '1.0', '... and a new machine gets the one before');
is($t->get('/apt/pool/shop_2.0_all.deb')->status, 200, 'the pool is for all versions');
is($t->get('/apt/dists/none/Release')->status, 404, 'another suite');
is($t->get('/apt/dists/')->status, 403, 'no list of files');
$t->mdsctl(qw(end com.example.apt day-1));
is($t->get('/apt/dists/stable/Release')->status, 404, 'no release');

$t->finish;
