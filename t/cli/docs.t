#!/usr/bin/perl

# Runs every example of docs/mdsctl.md in the order of the page and compares its
# output with the page; then checks that the files and sections that all pages
# name exist.

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
    'fix-2.patch' => 'fix', 'beta-users.txt' => "dave\r\nerin\r\n",
    'access.log' => join('', map { line($_) }
        'check?app=com.example.game&kind=upgrade&platform=ios&version=1.0&device=d1&user=erin',
        'files/9f86',
        map { "check?app=com.example.game&kind=upgrade&platform=ios&$_" }
            'version=1.0&device=d2&user=dave', 'version=1.0&device=d3&user=alice',
            'version=1.1&device=d4', 'version=1.0&device=d3&user=alice'));

# A line of an access log in the format `combined`.
sub line {
    return qq{192.0.2.1 - - [27/Nov/2026:12:00:00 +0000] "GET /mds/v1/$_[0] HTTP/1.1"}
        . qq{ 200 512 "-" "okhttp/4.9.3"\n};
}

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
    $text =~ s/^(state: )\d+( bytes: )\d+( for windows and marks, )\d+(?= for 0 devices$)/$1N$2N$3N/mg;
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
        open $file, '>:raw', "$dir/game-next.json" or die;
        print $file $block =~ s/"lists": \["staff"\], "percent": 5/"all": true/r;
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

# Each command has its chapter with its usage and its options, as its help has
# them, and is in the list of contents; the page tells of no other command.
sub names { (Ctl::ctl('complete', '--', @_, ''))[1] =~ /^(\w+)\t/mg }

my $folded = $page =~ s/\n {5,}(?=\S)/ /gr;
my %usage;
for my $top (names()) {
    my @names = (Ctl::ctl('help', $top))[1] =~ /^Commands$/m
        ? map { "$top $_" } names($top) : $top;

    for my $name (@names) {
        my ($usage) = (Ctl::ctl('help', split / /, $name))[1]
            =~ /\Ausage: (.*?)\n\n/s;
        $usage{$name} = $usage =~ s/\s+/ /gr;
        like $folded, qr/^    \Q$usage{$name}\E$/m, "$name: its usage";
    }
    like $page, qr/^## (?:.*, )?$top\b/m, "$top: a chapter";
    like $page, qr/\[[^]]*\b$top\b[^]]*\]\(#/, "$top: in the contents";
}
my $all = join ' ', values %usage, (Ctl::ctl())[1];
for my $option ($page =~ /^\| (`--.*?) \|(?= )/mg) {
    like "$all ", qr/\Q$_\E(?![\w-])/, "$_: is an option"
        for map { s/\\//gr } $option =~ /`(--[^`]+)`/g;
}
for my $name ($page =~ /^    mdsctl ((?:database |list |message |remove |trust )?[a-z]+)\b/mg) {
    ok exists $usage{$name}, "$name: is a command";
}

# The rules of sudo that a page shows are rules.
SKIP: {
    my ($visudo) = grep { -x } map { "$_/visudo" } split(/:/, $ENV{PATH}), '/usr/sbin';
    skip 'no visudo', 1 if !defined $visudo;

    my ($rules) = Ctl::read_file("$FindBin::Bin/../../docs/secure.md")
        =~ m{^```\n(# /etc/sudoers\.d/.*?)^```}ms or die 'no rules';
    open my $file, '>', "$dir/sudoers" or die;
    print $file $rules;
    close $file;
    is `$visudo -cf $dir/sudoers 2>&1`, "$dir/sudoers: parsed OK\n",
        'visudo takes the rules of secure.md';
}

# Each file, page and section that a page names exists. A page names files from
# the root of the tree; a README of a folder names them from that folder, too.
my $root = "$FindBin::Bin/../..";
for my $name (map { substr $_, 1 + length $root }
    glob "$root/README.md $root/docs/*.md $root/lib/README.md $root/t/README.md")
{
    my $text = Ctl::read_file("$root/$name");
    my ($folder) = $name =~ m{^(.*/)?};
    $folder //= '';

    # NAME, NOUN and X stand for names that the reader chooses.
    my @missing = grep { !file_exists('', $_) && !file_exists($folder, $_) }
        grep { !/(?:\b|_)(?:NAME|NOUN|X)\b/ }
        $text =~ m{`((?:[\w.]+/)+\w+\.(?:[cht]|md|pm|lua))`}g,
        $text =~ m{`((?:t|lib|docs|mdsctl|ngx_mds_module)/[\w./]*)`}g;
    push @missing, grep { !target_exists($name, $folder, $_) }
        $text =~ m{\]\((?!\w+:)([^)]+)\)}g;
    is join(' ', @missing), '', "$name: the files that it names exist";
}

sub file_exists {
    my ($folder, $name) = @_;
    return -e "$root/$folder$name";
}

# Whether the target of a link exists: a page, a section, or both.
sub target_exists {
    my ($page, $folder, $target) = @_;
    my ($file, $section) = split /#/, $target;
    my $path = "$root/" . (length $file ? "$folder$file" : $page);

    return 0 if !-e $path;
    return 1 if !defined $section;

    # GitHub makes a heading's anchor like this.
    my @anchors = map { lc =~ s/[^\w -]//gr =~ s/ /-/gr }
        Ctl::read_file($path) =~ /^#+ (.*)$/mg;
    return scalar grep { $_ eq $section } @anchors;
}

done_testing;
