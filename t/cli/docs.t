#!/usr/bin/perl

# Every example of docs/mdsctl.md works, in the order of the page, and says
# what the page says.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use Test::More;

use Ctl ();
use Depot;

my $page = Ctl::read_file("$FindBin::Bin/../../docs/mdsctl.md");
my $dir  = tempdir(CLEANUP => 1);

# What the examples find in their folder.
my $common = Depot::noise('common', 60_000);
my %files = ('shop-3.1.0.apk' => $common, 'shop-3.2.0.apk' => $common . 'more',
    'game-1.0.ipa' => 'game 1.0', 'game-1.1.ipa' => 'game 1.1',
    'fix-2.patch' => 'fix', 'beta-users.txt' => "dave\r\nerin\r\n");
for my $name (sort keys %files) {
    open my $file, '>:raw', "$dir/$name" or die;
    print $file $files{$name};
    close $file;
}

delete $ENV{SUDO_USER};
local $ENV{PATH}      = "$Ctl::build:$ENV{PATH}";
local $ENV{MDS_DEPOT} = "$dir/depot";

# Digests, keys, times, names of people and machines are not the page's.
sub plain {
    my ($text) = @_;
    $text =~ s{\Q$dir\E/depot}{/var/lib/mds}g;
    $text =~ s/\b[0-9A-F]{16}\b/KEYID/g;
    $text =~ s/\b[0-9a-f]{64}\b/DIGEST/g;
    $text =~ s/\(\S+@\S+\)/(WHO)/g;
    $text =~ s/^(state: )\d+( bytes; windows and marks )\d+(, 0 devices )\d+$/$1N$2N$3N/mg;
    $text =~ s/\bsince \d{4}-\S+Z /since WHEN /g;
    # the page folds what is one line
    $text =~ s/\n(?!\z)/ /g if $text =~ /\Amdsctl: /;
    $text =~ s/^(\d+  )\d{4}-\S+Z  \S+/$1WHEN  WHO/mg;
    return $text;
}

my ($examples, $line) = (0);
while ($page =~ /^```(\w*)\n(.*?)^```/msg) {
    my ($language, $block) = ($1, $2);
    $line = 1 + (substr($page, 0, $-[0]) =~ tr/\n//);

    if ($language eq 'json') {
        open my $file, '>:raw', "$dir/game.json" or die;
        print $file $block;
        close $file;
        next;
    }

    while ($block =~ /^\$ (mdsctl .*?)\n((?!\$ ).*?)?(?=^\$ |\z)/msg) {
        my ($command, $says) = ($1, $2 // '');
        # a command goes on behind a backslash
        while ($command =~ /\\\z/) {
            $says =~ s/\A(.*)\n?// or last;
            $command .= "\n$1";
        }
        next if $command =~ /^mdsctl check /;   # t/cli/check.t

        my $said = `cd $dir && { $command\n} 2>&1`;
        is $? >> 8, $says =~ /\Amdsctl: / ? 1 : 0, "line $line: $command";
        is plain($said), plain($says), "line $line: says what the page says";
        $examples++;

        $ENV{MDS_KEY} = "$dir/ops.key" if $command =~ /^mdsctl keygen ops/;
    }
}
cmp_ok $examples, '>=', 20, 'there are examples';

# Each command of the table has its chapter with its usage, and is in the list
# of contents; the page tells of no other command.
my $help = (Ctl::ctl('help'))[1];
my %usage = $help =~ /^  ((?:list )?[a-z]+) (.*)\n      /mg;
delete $usage{help};
for my $name (sort keys %usage) {
    my $head = (split / /, $name)[0];
    like $page, qr/^## (?:.*, )?$head\b/m, "$name: a chapter";
    like $page, qr/\[[^]]*\b$head\b[^]]*\]\(#/, "$name: in the contents";
    like $page, qr/^    mdsctl $name\b/m, "$name: its usage";
    for my $option ($usage{$name} =~ /(--[a-z-]+)/g) {
        like $page, qr/\Q$option\E\b/, "$name: $option";
    }
}
for my $name ($page =~ /^    mdsctl ((?:list )?[a-z]+) /mg) {
    ok exists $usage{$name}, "$name: is a command";
}

done_testing;
