# Devices that are let into a window, each of them new and written down durably
# before it is answered, beside checks that only read; 64 clients.

use strict;
use warnings;

use Bench;
use Bench::Load;
use Bench::Side;
use Bench::World;
use JSON::PP;
use List::Util qw(sum);

my $ROUNDS = knob(ROUNDS => 5);

measure 'window admissions' => sub {
    my %side = map { $_ => world()->newcomers($_) } qw(first all);
    my %told;

    for my $name (sort keys %side) {
        die "$name: no install" if answer($side{$name})->status != 200;
    }
    for my $round (1 .. $ROUNDS) {
        push @{ $told{$_} }, load($side{$_}, connections => 64)
            for $round % 2 ? qw(first all) : qw(all first);
    }

    # Who was told to install, is in; the last answers may have been lost.
    my $status = decode_json(
        world()->{t}->mdsctl(qw(--json status window)));
    my ($release)
        = grep { $_->{id} eq 'first' } @{ $status->{apps}[0]{releases} };
    my $told_in = sum(map { $_->{requests} } @{ $told{first} });
    my $admitted = $release->{window}{admitted};
    die "$admitted are in, $told_in were told so" if $admitted < $told_in;

    my $median = sub {
        my ($name, $key) = @_;
        return median(map { $_->{$key} } @{ $told{$name} });
    };
    row(name => 'window admissions, 64 clients', unit => 'a second',
        value => $median->(first => 'rate'));
    row(name => 'window admissions, p99', unit => 'ms',
        value => $median->(first => 'p99'));
    row(
        name  => 'window admissions / checks that only read',
        unit  => 'ratio',
        value => median(map {
            $told{first}[$_]{rate} / $told{all}[$_]{rate}
        } 0 .. $ROUNDS - 1),
        note => sprintf('those %s /s, p99 %.2f ms',
            thousands($median->(all => 'rate')), $median->(all => 'p99')),
    );
};

1;
