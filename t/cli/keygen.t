#!/usr/bin/perl

# Keys are made once, unreadable to others, and stock minisign takes them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Ctl;

my $dir = tempdir(CLEANUP => 1);
umask 0;

my ($code, $out, $err) = ctl('keygen', "$dir/ops");
is $code, 0, 'keygen' or diag $err;
like $out, qr/^key id +[0-9A-F]{16}$/m, 'prints the key id';
like $out, qr/\Q$dir\E\/ops\.key\b/, 'and where the secret key is';
like $out, qr/\Q$dir\E\/ops\.pub\b/, 'and the public one';
my ($keyid) = $out =~ /([0-9A-F]{16})/;

is sprintf('%o', (stat "$dir/ops.key")[2] & 07777), '600', 'the secret is 0600';
is sprintf('%o', (stat "$dir/ops.pub")[2] & 07777), '644', 'the public is 0644';

my $secret = Ctl::read_file("$dir/ops.key");
my $public = Ctl::read_file("$dir/ops.pub");
like $public, qr/\b$keyid\b/, 'the public key has the id in its comment';

# minisign signs with the secret key and verifies with the public one
open my $file, '>', "$dir/f" or die;
print $file "a package\n";
close $file;
is system("minisign -S -s $dir/ops.key -m $dir/f </dev/null >/dev/null"), 0,
    'minisign signs with it';
is system("minisign -V -q -p $dir/ops.pub -m $dir/f"), 0, 'and verifies';

# nothing is ever overwritten
($code, $out, $err) = ctl('keygen', "$dir/ops");
is $code, 1, 'a second time: exit 1';
like $err, qr/\Q$dir\E\/ops\.(key|pub)/, 'the message names the file';
is Ctl::read_file("$dir/ops.key"), $secret, 'the secret key is as it was';
is Ctl::read_file("$dir/ops.pub"), $public, 'the public one too';

for my $left (qw(key pub)) {
    my $other = $left eq 'key' ? 'pub' : 'key';

    open $file, '>', "$dir/half.$left" or die;
    close $file;
    ($code) = ctl('keygen', "$dir/half");
    is $code, 1, "half a pair, .$left: exit 1";
    ok !-e "$dir/half.$other", "and no .$other is made";
    is -s "$dir/half.$left", 0, "the .$left is as it was";
    unlink "$dir/half.$left";
}

# machines
($code, $out) = ctl('--json', 'keygen', "$dir/two");
is_deeply decode_json($out),
    { keyid => decode_json($out)->{keyid}, secret => "$dir/two.key",
      public => "$dir/two.pub", dry_run => JSON::PP::false }, '--json';
isnt decode_json($out)->{keyid}, $keyid, 'another key has another id';

# a dry run makes nothing, and fails where keygen would
($code, $out) = ctl('keygen', "$dir/dry", '--dry-run');
is "$code:$out", "0:would create $dir/dry.key and $dir/dry.pub\n", '--dry-run';
is_deeply [glob "$dir/dry*"], [], '... makes nothing';
($code, $out, $err) = ctl('keygen', "$dir/two", '--dry-run');
is $code, 1, '... and fails where a file exists';
like $err, qr/two\.key" exists already/, '... and why';

# a secret key has no place where the edges read
mkdir "$dir/depot";
mkdir "$dir/depot-too";
symlink "$dir/depot", "$dir/alias";
for my $name ("$dir/depot/k", "$dir/alias/k", "$dir/depot/../depot/k") {
    ($code, $out, $err) = ctl('--depot', "$dir/depot", 'keygen', $name);
    is $code, 1, "$name: exit 1";
    like $err, qr/no place in the depot/, 'and why';
}
is_deeply [glob "$dir/depot/*"], [], 'nothing was made there';
($code) = ctl('--depot', "$dir/depot", 'keygen', "$dir/depot-too/k");
is $code, 0, 'a directory beside the depot is fine';

($code, $out, $err) = ctl('keygen', "$dir/none/k");
is $code, 1, 'no such directory: exit 1';
like $err, qr/\Q$dir\E\/none/, 'and its name';

done_testing;
