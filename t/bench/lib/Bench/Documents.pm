package Bench::Documents;

# What is in the catalog:
#
# app bench     bundles with releases of five rules each; all of them hold. In
#               order of choice: percentages that let nobody in, the list of
#               users (filled by `list import`), and everybody.
# app settings  200 keys with three candidates each
# app window    a bundle to the first 1,000 million devices, and one for all
# app shelf     files of 10 KB and 10 MB

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP;

our @EXPORT = qw(documents bundle_name);

my $TRUE = JSON::PP::true;

# So many bundles, and releases of each. Their files are p1, p2, 10KB, 10MB.
sub documents {
    my ($resources, $releases) = @_;
    return (shelf(), settings(), window(), bench($resources, $releases));
}

sub rules {
    my ($n) = @_;

    return [
        { attribute => 'brand', op => 'in', values => [qw(Xiaomi Redmi)] },
        { attribute => 'os_version', op => 'range', min => "$n", max => '999' },
        { attribute => 'region', op => 'not_in', values => ['us'] },
        { attribute => 'language', op => 'in', values => [qw(en zh de)] },
        { attribute => 'model', op => 'in', values => [ 'm*', "x$n" ] },
    ];
}

# The last in a document is the first in order of choice.
sub audience {
    my ($n) = @_;

    return { all => $TRUE } if $n == 1;
    return { lists => ['beta'] } if $n == 2;
    return { percent => 0.0001 };
}

# Padded, so that answers are of one length.
sub bundle_name { return sprintf 'home-%05d', $_[0] }

sub bench {
    my ($resources, $count) = @_;
    my (@packages, @releases);

    for my $name (map { bundle_name($_) } 1 .. $resources) {
        my %resource = (kind => 'bundle', name => $name,
            platform => 'android');

        push @packages,
            map { { %resource, version => "$_", file => "p$_", deltas => 0 } }
            1, 2;
        push @releases, map { {
            %resource,
            id       => sprintf('%s-%03d', $name, $_),
            version  => $_ == 1 ? '1' : '2',
            rules    => rules($_),
            audience => audience($_),
        } } 1 .. $count;
    }

    return {
        app      => 'bench',
        lists    => { beta => { external => $TRUE } },
        packages => \@packages,
        releases => \@releases,
    };
}

sub settings {
    my @releases;

    for my $key (map { sprintf 'feature.%03d', $_ } 1 .. 200) {
        my @audiences = ({ all => $TRUE }, { percent => 30 },
            { lists => ['staff'] });

        push @releases, map { {
            id       => "$key-$_",
            kind     => 'config',
            name     => $key,
            value    => $_,
            rules    => [ @{ rules(1) }[ 0, $_ ] ],
            audience => $audiences[ $_ - 1 ],
        } } 1 .. 3;
    }

    return {
        app      => 'settings',
        lists    => { staff => { ids => [ map { "user-$_" } 1 .. 1000 ] } },
        releases => \@releases,
    };
}

sub window {
    my $window    = { count => 1e9, until => '2100-01-01T00:00:00Z' };
    my %audiences = (first => { window => $window }, all => { all => $TRUE });

    return single('window', map { { name => $_, file => 'p1',
        audience => $audiences{$_} } } sort keys %audiences);
}

# Bundles of one package and one release each.
sub single {
    my ($app, @bundles) = @_;
    my @keys = (kind => 'bundle', version => '1');

    return {
        app      => $app,
        packages => [ map { { @keys, name => $_->{name}, deltas => 0,
            file => $_->{file} } } @bundles ],
        releases => [ map { { @keys, name => $_->{name}, id => $_->{name},
            audience => $_->{audience} } } @bundles ],
    };
}

sub shelf {
    return single('shelf', map { { name => $_, file => $_,
        audience => { all => $TRUE } } } qw(10KB 10MB));
}

1;
