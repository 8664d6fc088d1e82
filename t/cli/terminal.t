#!/usr/bin/perl

# What a terminal shows: rows that fit its width, and a pager for what does not fit
# its height. A pipe gets all of it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Encode qw(decode);
use Test::More;

use Ctl ();
use Depot;
use Terminal;

my $d = Depot->new(user => 'root');
$ENV{MDS_DEPOT} = $d->{depot};
$ENV{TERM}      = 'xterm';
$ENV{NO_COLOR}  = 1;
delete @ENV{qw(PAGER MDS_PAGER LESS COLUMNS LINES)};

$d->must('publish', $d->put('shop-1', 'shop 1'), qw(--app shop --new-app --kind
    upgrade --platform android --version 1));
$d->must(qw(list add shop), "testers-$_", 'alice') for 'a' .. 'd';
$d->must(qw(release shop r1 --kind upgrade --platform android --version 1),
    map { ('--list', "testers-$_") } 'a' .. 'd');
my $whole = $d->does('status');
my ($row) = $whole =~ /^(  running .*)$/m;
is length $row, length('  running      upgrade 1  r1  ')
    + length('lists testers-a, testers-b, testers-c and testers-d'), 'a long row';

sub shows {
    my ($columns, $lines, $pager, @args) = @_;
    local @ENV{qw(COLUMNS LINES)} = ($columns, $lines);
    local $ENV{MDS_PAGER} = $pager if defined $pager;
    my ($code, $shown) = on_terminal([], @args);
    is $code, 0, "@args: exit 0";
    return decode('UTF-8', $shown);
}

# --- width

is shows(60, 50, undef, 'status') =~ s/\r//gr =~ s/^  running.*\n//mr,
    $whole =~ s/^  running.*\n//mr, 'only the row with a wide cell changes';
my ($cut) = shows(60, 50, undef, 'status') =~ /^(  running.*)$/m;
is length $cut, 60, 'the row fits';
like $cut, qr/^\Q@{[ substr $row, 0, 59 ]}\E\x{2026}$/, '... and says that it goes on';
like shows(200, 50, undef, 'status'), qr/^\Q$row\E$/m, 'a wide terminal shows all';
like shows(30, 50, undef, 'status'), qr/^\Q$row\E$/m,
    'nothing is left of the cell: the row is as it is';
{
    local $ENV{COLUMNS} = 60;
    like $d->does('status'), qr/^\Q$row\E$/m, 'a pipe gets all, whatever COLUMNS says';
}
my ($entry) = shows(90, 50, undef, qw(log -n 1)) =~ /^(\d+  .*)$/m;
is length $entry, 90, 'log: the command is shortened';
like $entry, qr/\x{2026}  key [0-9A-F]{16}$/, '... and what comes after it stays';

# --- height

my $counts = "sed 's/^/paged: /'";
unlike shows(200, 50, $counts, 'status'), qr/paged/, 'what fits needs no pager';
my $paged = shows(200, 5, $counts, 'status');
is $paged, $whole =~ s/^/paged: /mgr, 'what does not fit goes through MDS_PAGER';
for my $none ('', 'cat', '/no/such/pager') {
    my $shown = shows(200, 5, $none, 'status');
    like $shown, qr/\Q$whole\E\z/, "MDS_PAGER '$none': is shown all the same";
}
{
    local $ENV{PAGER} = $counts;
    like shows(200, 5, undef, 'status'), qr/paged/, 'PAGER, too';
    like shows(200, 5, undef, qw(log)), qr/paged/, '... of log';
    unlike shows(200, 5, 'cat', 'status'), qr/paged/, 'MDS_PAGER goes before';
    unlike $d->does('status'), qr/paged/, 'a pipe is never paged';
    local @ENV{qw(COLUMNS LINES)} = (200, 3);
    my ($code, $shown) = on_terminal([], qw(status none));
    is $code, 1, 'a failure keeps its exit code';
    like $shown, qr/mdsctl: there is no app "none"/, '... and shows its words';
}

done_testing;
