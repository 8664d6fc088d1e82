#!/usr/bin/perl

# Deltas are made while no lock is held: other loaders make their changes
# meanwhile, and the change goes on from what the depot is by then. What it was
# made from stays to its end, and nothing stays behind, whatever comes of it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use POSIX ();
use Test::More;

use Ctl ();
use Depot;

my $common = Depot::noise('common', 100_000);    # all versions share it
my @kind = qw(--app a --kind upgrade --version);
my $first = Depot->new(user => 'root');

my $killer = "$first->{dir}/killer.so";
system(split(/ /, $ENV{CC} // 'cc'), qw(-shared -fPIC -o), $killer,
    "$FindBin::Bin/lib/killer.c", '-ldl') == 0 or die 'killer.c cannot be compiled';

sub build { Depot::noise("own $_[0]", 3000) . $common }

# A depot with these versions.
sub depot {
    my (@versions) = @_;
    my $d = Depot->new(user => 'root', dir => $first->{dir}, key => $first->{key},
        depot => "$first->{dir}/depot-" . ++(our $depots));
    $d->put("v$_", build($_)) for 1 .. 4;
    $d->must('publish', "$d->{dir}/v$_", @kind, $_, '--deltas', 0)
        for @versions;
    return $d;
}

sub begin {
    my ($d, @command) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    open STDIN,  '<', '/dev/null';
    open STDOUT, '>', "$d->{dir}/out";
    open STDERR, '>', "$d->{dir}/err";
    @ENV{qw(MDS_DEPOT MDS_KEY)} = @$d{qw(depot key)};
    $ENV{KILLER_STOP} = 1;
    $ENV{LD_PRELOAD}  = join ' ', grep { length } $ENV{TEST_NGINX_PRELOAD} // '', $killer;
    { exec "$Ctl::build/mdsctl", @command }
    POSIX::_exit(127);
}

sub making { return scalar(() = glob "$_[0]{depot}/files/.tmp-*/.tmp-*") }
sub temps  { grep { /^\.tmp-/ } $_[0]->files('files') }
sub stored { scalar grep { !/minisig|^\.tmp/ } $_[0]->files('files') }

# A loader that stops when it has begun to make deltas.
sub stopped {
    my ($d, @command) = @_;
    my $pid = begin($d, @command);

    waitpid $pid, POSIX::WUNTRACED();
    ok making($d), 'a loader is stopped while it makes deltas'
        or BAIL_OUT(Ctl::read_file("$d->{dir}/err"));
    return $pid;
}

sub goes_on {
    my ($d, $pid) = @_;
    kill 'CONT', $pid;
    waitpid $pid, 0;
    return ($? >> 8, map { Ctl::read_file("$d->{dir}/$_") } qw(out err));
}

# The version that the delta is from, which a device with it gets; or undef.
sub delta {
    my ($d, $from, $to) = @_;
    return $d->decides(qw(app=a kind=upgrade), "version=$from")
        ->{manifest}{delta};
}

sub clean {
    my ($d) = @_;
    is_deeply [temps($d)], [], '... nothing unfinished stays';
    is +($d->run('verify', '--pub', "$d->{dir}/ops.pub"))[0], 0,
        '... and all is whole';
}

# --- another loader works meanwhile

{
    my $d   = depot(1, 2, 3);
    my $pid = stopped($d, 'publish', "$d->{dir}/v4", @kind, 4);
    is stored($d), 3, 'what is not published is not there';
    my $serial = $d->serial;

    $d->does(qw(list add a staff u));
    $d->does('verify', '--pub', "$d->{dir}/ops.pub");
    is $d->serial, $serial + 1, '... with a serial of its own';
    ok making($d), '... and leaves alone what is being made';

    my ($code, $out, $err) = goes_on($d, $pid);
    is "$code:$err", '0:', 'the first is done';
    like $out, qr/^serial @{[ $serial + 2 ]}\n  \+ package upgrade 4\n\z/,
        '... after the other';
    is $d->must(qw(list show a staff)), "u\n", '... whose change is there';
    $d->must(qw(release a r --kind upgrade --version 4 --all));
    for my $from (1 .. 3) {
        my $delta = delta($d, $from);
        is $delta->{from_sha256}, sha256_hex(build($from)), "a delta from $from";
        my $sha = sha256_hex(Ctl::read_file("$d->{depot}/$delta->{path}"));
        is $sha, $delta->{sha256}, '... as it says';
    }
    is stored($d), 7, 'four packages, three deltas';
    clean($d);
}

# --- a source goes meanwhile

{
    my $d   = depot(1, 2, 3);
    my $pid = stopped($d, 'publish', "$d->{dir}/v4", @kind, 4, '--deltas', 2);
    $d->must(qw(remove package a --kind upgrade --version 2));
    $d->must('gc');

    my ($code, $out, $err) = goes_on($d, $pid);
    is "$code:$err", '0:', '... the others count';
    $d->must(qw(release a r --kind upgrade --version 4 --all));
    is_deeply [ map { delta($d, $_) ? 1 : 0 } 1 .. 3 ], [ 1, 0, 1 ],
        '... and the next lower one, which was not planned, has a delta';
    is stored($d), 6, '... but not that which is gone';
    clean($d);
}

# --- the app goes meanwhile, or the version comes

{
    my $d = depot(1, 2);
    $d->must(qw(list add b x y --new-app));
    my $pid = stopped($d, 'publish', "$d->{dir}/v4", @kind, 4);
    $d->must(qw(remove app a));
    my ($code, $out, $err) = goes_on($d, $pid);
    is $code, 1, 'of an app that was removed, nothing is published';
    like $err, qr/^mdsctl: there is no app "a"/, '... it says so';
    is stored($d), 2, '... nothing is stored';
    clean($d);
}

for my $case ([3, 1, 'published already, as another file'], [4, 0, undef]) {
    my ($file, $expected, $words) = @$case;
    my $d   = depot(1, 2);
    my $pid = stopped($d, 'publish', "$d->{dir}/v4", @kind, 4);
    $d->must('publish', "$d->{dir}/v$file", @kind, 4, '--deltas', 1);
    my $count = stored($d);
    my ($code, $out, $err) = goes_on($d, $pid);
    is $code, $expected, "the version came meanwhile, as file $file: $expected";
    like $err, qr/$words/, '... it says so' if defined $words;
    like $out, qr/^no change/, '... it is no change' if !defined $words;
    is stored($d), $count, '... nothing more is stored';
    clean($d);
}

# --- a loader that is killed

{
    my $d   = depot(1, 2);
    my $pid = stopped($d, 'publish', "$d->{dir}/v4", @kind, 4);
    kill 'KILL', $pid;
    waitpid $pid, 0;
    is scalar temps($d), 1, 'killed, it leaves its directory';
    $d->must(qw(list add a staff u));
    is_deeply [ sort grep { /^[^.]{64}$/ } $d->files('files') ],
        [ sort map { sha256_hex(build($_)) } 1, 2 ], '... the packages stay';
    clean($d);
}

# --- damage

for my $version (1, 2) {
    my $d    = depot(1, 2);
    my $path = "$d->{depot}/files/" . sha256_hex(build($version));
    chmod 0644, $path;
    open my $file, '+<', $path or die "$path: $!";
    seek $file, 2000, 0;
    print $file 'x';
    close $file;
    my $sha = sha256_hex(build($version));
    $d->refuses("file $sha is damaged", 'publish', "$d->{dir}/v3", @kind, 3);
}

# --- how hard to compress

{
    my $d = depot(1);
    $d->misused('--deltas-level "\w+": must be best or fast', 'publish', "$d->{dir}/v2", @kind, 2,
        '--deltas-level', 'slow');
    $d->does('publish', "$d->{dir}/v2", @kind, 2, '--deltas-level', 'fast');
    $d->does('publish', "$d->{dir}/v3", @kind, 3, qw(--deltas-level best
        --deltas 1));
    $d->must(qw(release a r --kind upgrade --version 2 --all));
    my $path = "$d->{depot}/" . delta($d, 1)->{path};
    is `zstd -d -q --long=31 --patch-from=$d->{dir}/v1 -c $path | sha256sum`,
        sha256_hex(build(2)) . "  -\n", 'a fast delta is one like any other';
}

done_testing;
