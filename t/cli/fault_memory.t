#!/usr/bin/perl

# Memory runs short in mdsctl, at one call after the other of each command: it
# ends by itself and says so, and the depot is whole. MDS_SOAK=SECONDS for more
# calls.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use Test::More;

use Depot;
use AllocFault;

plan skip_all => 'a sanitizer allocates for itself'
    if $ENV{TEST_NGINX_PRELOAD};

my ($memory) = grep { -d && -w } '/dev/shm';
my $dir    = tempdir(CLEANUP => 1, defined $memory ? (DIR => $memory) : ());
my $alloc_fault = AllocFault->new($dir);
my $d      = Depot->new(dir => $dir);
my $SOAK   = $ENV{MDS_SOAK};
my $SHORT  = 6;    # calls of a command, spread over all places

my $common = Depot::noise('common', 5000);
$d->put("p$_", $common . Depot::noise($_, 100)) for 1 .. 2;
$d->put('ids', join '', map { "u$_\n" } 1 .. 50);
$d->put_json('doc.json', {
    app      => 'b',
    packages => [ { kind => 'upgrade', version => '1', file => 'p1' } ],
    releases => [ { id => 'r', kind => 'upgrade', version => '1',
                    audience => { all => JSON::PP::true } } ],
});
my @package = qw(--app a --kind upgrade --platform x --version);
$d->must('publish', "$dir/p1", @package, 1);
$d->must(qw(release a r --kind upgrade --platform x --version 1 --percent 5));
$d->must(qw(list add a l u));

my @commands = (
    ['publish', "$dir/p2", @package, 2],
    ['apply', '--force', "$dir/doc.json"],
    [qw(release a r2 --kind upgrade --platform x --version 1 --all)],
    [qw(pause a r)], [qw(resume a r)],
    ['list', 'import', 'a', 'l', "$dir/ids"], [qw(list add a l v)],
    [qw(message push a --to x=1 --until 2099-01-01T00:00:00Z --users),
        "$dir/ids"],
    [qw(message list a u1)], [qw(export a)], [qw(list show a l)],
    [qw(explain app=a kind=upgrade platform=x version=0.1 device=d)],
    [qw(status)], [qw(--json status)], [qw(versions a)], [qw(log)],
    [qw(--json verify)], [qw(gc)], ['snapshot', "$dir/snap"],
    ['keygen', "$dir/other"],
);

sub fed {
    my ($from, $to, @command) = @_;
    my @said;
    my %env = (LD_PRELOAD => $alloc_fault->so, $alloc_fault->environment);
    my $failed = $alloc_fault->starve(-1, $from, $to, sub {
        local @ENV{keys %env} = values %env;
        @said = $d->run(@command);
    });
    return ($failed, @said);
}

sub places {
    my (@command) = @_;
    my %env = (LD_PRELOAD => $alloc_fault->so, $alloc_fault->environment);
    return $alloc_fault->places(-1, sub {
        local @ENV{keys %env} = values %env;
        $d->run(@command);
    });
}

# The dynamic linker does not say "memory" everywhere.
my $SHORT_OF_MEMORY = qr/memory|failed to load .*: cannot (?:create|allocate) /;

for my $command (@commands) {
    my $name   = Depot::short(@$command);
    my @places = places(@$command);
    my $step   = $SOAK ? 1 + int(@places * @commands / 30 / $SOAK)
        : @places > $SHORT ? @places / $SHORT : 1;
    my @wrong;

    # What it says when it is run again, and is fed: what it can do without may
    # have starved.
    unlink glob "$dir/snap* $dir/other.*";
    my ($fed_code, undef, $fed_err) = $d->run(@$command);

    for (my $i = 0; $i < @places; $i += $step) {
        my $n = $places[$i];
        unlink glob "$dir/snap* $dir/other.*";
        my ($failed, $code, $out, $err)
            = fed($n, int($i) % 2 ? $n : 1 << 40, @$command);
        push @wrong, "call $n: $code: $err"
            if $failed && !($code eq '0'
                || $code eq '1' && $err =~ $SHORT_OF_MEMORY
                || $code eq $fed_code && $err eq $fed_err);
        last if @wrong > 3;
    }
    is_deeply(\@wrong, [], "$name: " . @places . ' places');
}
is(($d->run('verify'))[0], 0, 'the depot is whole');

done_testing;
