package Bench::Requests;

# What a world can be asked for, as sides (Bench::Side). host is who is to
# answer (Bench::World).
#
# Who asks for what is drawn anew for each request, but the same on each run
# and for each host. One half of the users is in the list: the look-up is on
# the way of all, and their answers are of one length.

use strict;
use warnings;

use Bench::Documents;
use Bench::Side;
use JSON::PP;

my $REQUESTS = 20_000;

sub device {
    my ($self) = @_;

    return 'device=d' . int(rand 1e7) . '&user=user-'
        . int(rand 2 * $self->{ids})
        . '&platform=android&brand=Xiaomi&model=m1&os_version=12'
        . '&region=eu&language=en';
}

sub some_name { return bundle_name(1 + int rand $_[0]{resources}) }

# what: install, nothing
sub check {
    my ($self, $what, $host) = @_;
    my $version = $what eq 'install' ? '0' : '2';

    return $self->{"$what $host"} //= do {
        srand 1;
        side($self->{t}, map {
            get('/mds/v1/check?app=bench&kind=bundle&name=' . $self->some_name
                    . "&version=$version&" . $self->device, $host)
        } 1 .. $REQUESTS);
    };
}

# {release: {body, signature}}, of those that are ever sent.
sub manifests {
    my ($self) = @_;
    my %manifests;

    my $side = side($self->{t}, map {
        my $check = '/mds/v1/check?app=bench&kind=bundle&name=' . bundle_name($_)
            . '&version=0&' . $self->device;
        map { get($check =~ s/user-\d+/$_/r, 'mds') } 'user-1', 'nobody'
    } 1 .. $self->{resources});
    ask_many($side, scalar @{ $side->{requests} }, sub {
        my (undef, $answer) = @_;
        $manifests{ $answer->json->{release} } = {
            body      => $answer->body,
            signature => $answer->header('MDS-Signature'),
        };
    });

    return \%manifests;
}

sub config {
    my ($self, $host) = @_;

    srand 1;
    return side($self->{t}, map {
        get('/mds/v1/config?app=settings&' . $self->device, $host)
    } 1 .. $REQUESTS);
}

# what: batches of 20 resources each, or the singles that they consist of
sub batch {
    my ($self, $what) = @_;
    my @requests;

    srand 1;
    for (1 .. $REQUESTS / 20) {
        my $device = $self->device;
        my @names  = map { $self->some_name } 1 .. 20;

        push @requests, $what eq 'singles'
            ? map { get("/mds/v1/check?app=bench&kind=bundle&name=$_"
                . "&version=0&$device", 'mds') } @names
            : post('/mds/v1/check', 'mds', batch_body($device, @names));
    }

    return side($self->{t}, @requests);
}

sub batch_body {
    my ($device, @names) = @_;

    return JSON::PP->new->canonical->encode({
        app => 'bench',
        (map { split /=/ } split /&/, $device),
        resources => [ map { { kind => 'bundle', name => $_, version => '0' } }
            @names ],
    });
}

# name: first, all; each request is of another device (see load.lua)
sub newcomers {
    my ($self, $name) = @_;

    return side($self->{t}, get('/mds/v1/check?app=window&kind=bundle'
        . "&name=$name&device=#", 'mds'));
}

# size: 10KB, 10MB
sub file {
    my ($self, $size, $host) = @_;
    my $manifest = answer(side($self->{t},
        get("/mds/v1/check?app=shelf&kind=bundle&name=$size", 'mds')))->json;

    return side($self->{t}, get("/mds/v1/$manifest->{full}{path}", $host));
}

1;
