#!/usr/bin/perl

# What is typed wrongly is said, with the wrong word and what would be right;
# exit code 2, nothing on stdout, and nothing done.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use Test::More;

use Ctl;

my $dir = tempdir(CLEANUP => 1);
my @url = ('check', 'http://127.0.0.1:9/', '--pub', 'x.pub');

for my $case (
    [['--json'], 'a command is missing', 'usage: mdsctl [--depot DIR]'],
    [['list'], 'list: a command is missing', 'usage: mdsctl list import|add'],
    [['publsh'], 'unknown command "publsh"'],
    [['help', 'publsh'], 'unknown command "publsh"'],
    [['--nonsense', 'keygen'], 'unknown option "--nonsense"'],
    [['-v'], 'unknown option "-v"'],
    [['--depot'], '--depot needs a value'],
    [['--depot', 'a', '--depot=b', 'keygen', 'k'], '--depot is given twice'],
    [['--depot', 'a', 'keygen', 'k', '--depot', 'b'], '--depot is given twice'],
    [['--json=yes', 'keygen', 'k'], '--json takes no value'],
    [['keygen'], 'keygen: an argument is missing: NAME', 'usage: mdsctl keygen NAME'],
    [['list', 'add', 'a', 'l'], 'add: an argument is missing: ID',
        'usage: mdsctl list add APP LIST ID...'],
    [['keygen', "$dir/a", "$dir/b"], "\"$dir/b\" is one argument too many"],
    [['keygen', "$dir/a", '--foo'], 'unknown option "--foo"'],
    [['log', '-n', 'x'], '-n: found "x"'],
    [['log', '-nx'], '-n: found "x"'],
    [['log', '-n'], '-n needs a value'],
    [['log', '-n1', '-n', '2'], '-n is given twice'],
    [['log', '--number', 'x'], '--number: found "x"'],
    [['log', '-yes'], 'unknown option "-yes"'],
    [['--', '--json', 'version'], 'unknown command "--json"'],
    [['release', 'a', 'b', '--list', 'x', '--list', 'y', '--kind', 'k', 'z'],
        '"z" is one argument too many'],
    [['list', 'import', 'a', 'b', 'c', '--by', 'user', 'd'], '"d" is one argument too many'],
    [[qw(agent --once --origin http://127.0.0.1:9/ --pub x.pub --database postgresql://h/d)],
        '--database and --once exclude each other'],
    [['keygen', "$dir/a", '-f'], 'unknown option "-f"'],
    [['check'], 'check: an argument is missing',
        'usage: mdsctl check URL NAME=VALUE... (--pub FILE.pub... | --root ROOT.json)'],
    [['check', 'ftp://x/', 'app=a', '--pub', 'x'], 'not the URL of a service'],
    [['check', 'http://x/?a=b', 'app=a', '--pub', 'x'], 'not the URL of a service'],
    [['check', 'http://127.0.0.1:9/', 'app=a', 'kind=k'], '--pub or --root is missing'],
    [[@url, '--out=x', '--out=y'], '--out is given twice'],
    [[@url, 'app=a', 'kind'], '"kind" is not of the form NAME=VALUE'],
    [[@url, 'app=a', 'Kind=x'], '"Kind=x": '],
    [[@url, 'app=a', 'app=b'], '"app=b": '],
    [[@url, 'kind=upgrade'], 'app'],
    [[@url, 'app=a'], 'kind'],
    [[@url, 'app=a', 'kind=k', 'version=one'], 'version'],
    [[@url, 'app=a', 'kind=k', "user=\xff"], 'UTF-8'],
) {
    my ($args, @words) = @$case;
    my ($code, $out, $err) = ctl(@$args);
    my $name = join ' ', 'mdsctl', @$args;

    is $code, 2, "$name: exit 2";
    is $out, '', "$name: nothing on stdout";
    like $err, qr/\Q$_\E/, "$name: says $_" for @words, 'usage: mdsctl ',
        '`mdsctl help';
}

is_deeply [glob "$dir/*"], [], 'nothing was made';

# Help is no error.
for my $case (
    [['--help'], 'usage: mdsctl [--depot DIR]'],
    [[], 'usage: mdsctl [--depot DIR]'],
    [['help'], 'keygen '],
    [['help', 'keygen'], 'usage: mdsctl keygen NAME'],
    [['keygen', '--help'], 'usage: mdsctl keygen NAME'],
    [['--json', 'check', '--help'], 'usage: mdsctl check URL'],
    [['--version'], 'mdsctl 0.'],
    [['--', 'version'], 'mdsctl 0.'],
) {
    my ($args, $words) = @$case;
    my ($code, $out, $err) = ctl(@$args);

    is $code, 0, "mdsctl @$args: exit 0";
    like $out, qr/\Q$words\E/, "mdsctl @$args: says $words";
    is $err, '', "mdsctl @$args: no error";
}

# An answer that cannot be written is a failure.
SKIP: {
    skip 'no /dev/full', 2 unless -c '/dev/full';
    my $build = $ENV{MDS_BUILD} // "$FindBin::Bin/../../build";
    my $err = `'$build/mdsctl' help 2>&1 >/dev/full`;
    is $? >> 8, 1, 'stdout on a full disk: exit 1';
    like $err, qr/failed to write to standard output/, 'and a message';
}

done_testing;
