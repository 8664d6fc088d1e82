#!/usr/bin/perl

# A file of the depot that is cut while a command reads it is a SIGBUS, which
# would end the command without a word. It is a failure that names the depot;
# any other fault ends the command as a crash does.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Ctl ();
use Depot;

my $d = Depot->new;

# An entry of the log is more than a pipe holds: while nobody reads the pipe,
# the command has older entries before it.
for my $percent (1 .. 3) {
    $d->put_json('doc.json', { app => 'a', releases => [ map { +{
        id => sprintf('release-%060d', $_), kind => 'config',
        name => "key-$_", value => 1, audience => { percent => $percent },
    } } 1 .. 2000 ] });
    $d->must('apply', "$d->{dir}/doc.json");
}

my $journal = "$d->{depot}/journal/data.mdb";

# Runs `mdsctl log` until its pipe is full, calls $cut with its pid, and hands
# back its wait status, its lines and what it says on stderr.
sub log_while {
    my ($cut) = @_;
    my $said = "$d->{dir}/stderr";
    my $pid = open(my $out, '-|') // die "fork: $!";

    if (!$pid) {
        open STDERR, '>', $said or die "$said: $!";
        exec "$ENV{MDS_BUILD}/mdsctl", '--depot', $d->{depot}, 'log'
            or die "exec: $!";
    }

    my @lines = scalar <$out>;
    $cut->($pid);
    push @lines, <$out>;
    close $out;

    return ($?, scalar @lines, Ctl::read_file($said));
}

my ($status, $whole, $err) = log_while(sub { });
is "$status:$err", '0:', 'a file that stays: done';
cmp_ok $whole, '>', 6000, 'and all of it';

($status, my $lines, $err) = log_while(sub { kill SEGV => $_[0] });
is $status & 127, 11, 'a fault that is not of a file: a crash';

($status, $lines, $err)
    = log_while(sub { truncate $journal, 8192 or die "truncate: $!" });
is $status, 1 << 8, 'a file that is cut: exit 1';
cmp_ok $lines, '<', $whole, 'while it was read';
is $err, "mdsctl: failed to read \"$d->{depot}\": a file was truncated or"
    . " damaged while it was read\n", 'and why';

done_testing;
