#!/usr/bin/perl

# Each command that changes something has --dry-run, which says the same and changes
# nothing. Those of the catalog are in change.t; here are the others.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes ();

use Ctl;
use Depot;

my $d   = Depot->new(user => 'root');
my $dir = $d->{dir};

# --- every command has it, or changes nothing

# The agent is a service: what it would do is done when the origin says so.
my %reads = map { $_ => 1 } qw(export status versions explain simulate check log verify
    snapshot help version complete man agent), 'list show', 'message list', 'trust show',
    'database status';

sub names { (Ctl::ctl('complete', '--', @_, ''))[1] =~ /^(\w+)\t/mg }

for my $top (names()) {
    my $help = (ctl('help', $top))[1];
    for my $name ($help =~ /^Commands$/m ? map { "$top $_" } names($top) : $top) {
        $help = (ctl('help', split / /, $name))[1];
        is $help =~ /^  --dry-run /m ? 1 : 0, $reads{$name} ? 0 : 1,
            "$name: " . ($reads{$name} ? 'has no --dry-run' : 'has --dry-run');
    }
}

# Runs a command dry, and then again; nothing is changed, and it does the same.
sub dry {
    my ($words, @args) = @_;
    my $before = $d->tree;
    my @files  = glob "$dir/*";
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    like $d->does(@args, '--dry-run'), $words, "@args: says what it would do";
    $d->untouched($before, "@args");
    is_deeply [ glob "$dir/*" ], \@files, '... and makes no file';
}

# --- restore

$d->must('publish', $d->put('p', 'package'), qw(--app a --kind upgrade --version 1));
$d->must('snapshot', "$dir/snapshot");
$d->must(qw(list add a staff alice));
dry(qr/\Awould restore \Q$d->{depot}\E: serial 1, /, 'restore', "$dir/snapshot", '--force');
$d->refuses(qr/is a depot already/, 'restore', "$dir/snapshot", '--dry-run');
Ctl::ctl('--depot', "$dir/other", 'restore', "$dir/snapshot", '--dry-run');
ok !-e "$dir/other", 'restore: no depot is made';
$d->put('cut', substr Ctl::read_file("$dir/snapshot"), 0, -100);
$d->refuses(qr/cut/, 'restore', "$dir/cut", '--force', '--dry-run');

# --- roots and heads

ctl('keygen', "$dir/$_") for qw(root head);
my $root = "$dir/root.json";
my @keys = ('--root-key', "$dir/root.pub", '--threshold', 1, '--sign-key', "$dir/ops.pub",
    '--head-key', "$dir/head.pub");
dry(qr/\Awould write \Q$root\E:\n/, 'trust', 'init', $root, @keys);
ok !-e $root, '... nor the root';
$d->must('trust', 'init', $root, @keys);

my $text = Ctl::read_file($root);
dry(qr/\Awould write \Q$root\E:\n/, 'trust', 'sign', $root, '--key', "$dir/root.key");
is Ctl::read_file($root), $text, '... nor signs it';
$d->must('trust', 'sign', $root, '--key', "$dir/root.key");

$text = Ctl::read_file($root);
dry(qr/\Awould write/, 'trust', 'edit', $root);
is Ctl::read_file($root), $text, '... nor edits it';

dry(qr/\Awould change, after serial 2:\n/, 'trust', 'publish', $root);
$d->must('trust', 'publish', $root);
dry(qr/\Awould change, after serial 3:\n/, 'head', '--head-key', "$dir/head.key");

done_testing;
