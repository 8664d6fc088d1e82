#!/usr/bin/perl

# A step loads no library that it does not need; one that is missing is named by
# the command that needs it.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use Test::More;

use lib "$FindBin::Bin/lib";
use Ctl ();

my $dir = tempdir(CLEANUP => 1);
my $mdsctl = "$Ctl::build/mdsctl";

my @needed = `ldd $mdsctl` =~ /^\s*(\S+)/gm;
is_deeply [ grep { /curl|archive|ssl|xml|icu|libpq/ } @needed ], [],
    'mdsctl is not linked with what only some commands need';

# These stand in the way of the real ones.
for my $library (qw(libcurl.so.4 libarchive.so.13 libpq.so.5)) {
    open my $file, '>', "$dir/$library" or die "$library: $!";
    close $file;
}

sub run {
    my (@words) = @_;
    my $said = `LD_LIBRARY_PATH=$dir $mdsctl --depot $dir/depot @words 2>&1`;
    return ($? >> 8, $said);
}

my ($status, $said) = run('keygen', "$dir/k");
is $status, 0, 'a command that needs neither works without them' or diag $said;
($status) = run('init');
is $status, 0, '... another one, too';

($status, $said) = run('check', 'http://127.0.0.1:1/', '--pub', "$dir/k.pub", 'app=a', 'kind=upgrade');
is $status, 1, 'check fails without libcurl';
like $said, qr/^mdsctl: failed to load libcurl\.so\.4: .*; on Debian, install libcurl4$/m,
    '... and says what to install';

($status, $said) = run('snapshot', "$dir/snapshot");
is $status, 1, 'snapshot fails without libarchive';
like $said, qr/^mdsctl: failed to load libarchive\.so\.13: .*; on Debian, install libarchive13$/m,
    '... and says what to install';
ok !-e "$dir/snapshot", '... and leaves no file behind';

($status, $said) = run('database', 'init', 'postgresql:///mds');
is $status, 1, 'database fails without libpq';
like $said, qr/^mdsctl: failed to load libpq\.so\.5: .*; on Debian, install libpq5$/m,
    '... and says what to install';

done_testing;
