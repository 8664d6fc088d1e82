package Bench::World;

# A depot with a catalog to measure, and an nginx with one worker before it.
#
#   world()                        # the one that most rows are about
#   world(resources => 10_000)     # another one
#
# Each is made when it is first asked for, and kept until the end.
#
# app bench     RESOURCES bundles with RELEASES releases of five rules each;
#               all of them hold. In order of choice: percentages that let
#               nobody in, the list of IDS users, and everybody.
# app settings  200 keys with three candidates each
# app window    a bundle to the first 1,000 million devices, and one for all
# app shelf     files of 10 KB and 10 MB
#
# Who is asked for is drawn anew for each request, one half of the users from
# the list: an answer needs the look-up in either case, and is of one length.
# Names are padded for that.

use strict;
use warnings;

use Bench;
use Bench::Side;
use Exporter qw(import);
use JSON::PP;
use MDS;
use Time::HiRes qw(time);

our @EXPORT = qw(world);

my $REQUESTS = 20_000;
my $TRUE     = JSON::PP::true;
my $CONF     = <<'END';
mds_depot %DEPOT%;
keepalive_requests 1000000000;
sendfile on;
server {
    listen %LISTEN%;
    server_name mds;
    location = /mds/v1/check  { mds_check; }
    location = /mds/v1/config { mds_config; }
    location   /mds/v1/files/ { mds_files; }
}
END
my %worlds;

sub world {
    my %options = (
        resources => knob(RESOURCES => 1000),
        releases  => 10,
        ids       => knob(IDS => 10_000_000),
        @_,
    );
    my $key = join ' ', map { "$_=$options{$_}" } sort keys %options;

    return $worlds{$key} //= __PACKAGE__->new(%options);
}

sub new {
    my ($class, %options) = @_;

    my $self = bless { %options, t => MDS->new(workers => 1) }, $class;
    my $t    = $self->{t};

    $t->depot;
    $t->write("p$_", "package $_\n" x 1000) for 1, 2;
    $t->write('10KB', 'x' x 10_000);
    $t->write('10MB', 'x' x 10_000_000);
    $self->timed($_->{app}, 'apply', $t->document($_, "$_->{app}.json"))
        for $self->shelf, $self->settings, $self->window, $self->bench;
    $self->timed('ids', qw(list import bench beta), $self->ids_file($t));
    unlink "$t->{dir}/ids";
    $self->start;

    return $self;
}

# Runs mdsctl; the seconds that it took, and those on the CPU, are kept.
sub timed {
    my ($self, $what, @words) = @_;

    my ($begun, $cpu) = (time, children_cpu());
    $self->{t}->mdsctl(@words);
    $self->{cpu}{$what} = children_cpu() - $cpu;
    return $self->{seconds}{$what} = time - $begun;
}

sub children_cpu { my @times = times; return $times[2] + $times[3] }

# --- the catalog

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

sub name { return sprintf 'home-%05d', $_[0] }

sub bench {
    my ($self) = @_;
    my (@packages, @releases);

    for my $name (map { name($_) } 1 .. $self->{resources}) {
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
        } } 1 .. $self->{releases};
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
    my %audiences = (
        first => { window => { count => 1e9, until => '2100-01-01T00:00:00Z' } },
        all   => { all => $TRUE },
    );

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

sub ids_file {
    my ($self, $t) = @_;
    my $file = "$t->{dir}/ids";

    system("$MDS::BUILD/bench/ids $self->{ids} > $file") == 0 or die 'no ids';
    return $file;
}

# --- nginx: who is to answer is said by the Host, so that request lines are
# the same. What is fixed is what mds itself has answered.

sub start {
    my ($self) = @_;
    my $t = $self->{t};

    $t->start($CONF);
    my %fixed = (
        '200' => answer($self->check(install => 'mds')),
        '204' => answer($self->check(nothing => 'mds')),
        'cfg' => answer($self->config('mds')),
    );
    my %static = map { $_ => answer($self->file($_, 'mds')) } qw(10KB 10MB);
    $t->stop;

    $t->start(join '', $CONF,
        (map { fixed($_, $fixed{$_}) } sort keys %fixed),
        (map { static($_, $static{$_}) } sort keys %static));
}

# What of an answer nginx does not say by itself.
sub headers {
    my ($answer) = @_;
    my $own = qr/^(?:Server|Date|Last-Modified|Accept-Ranges|Connection
        |Content-Type|Content-Length)$/x;

    return join "\n    ", 'default_type ' . ($answer->header('Content-Type') // '""') . ';',
        map { "add_header $_->[0] '$_->[1]';" }
        grep { $_->[0] !~ $own } @{ $answer->{fields} };
}

# A server that answers every request so.
sub fixed {
    my ($host, $answer) = @_;
    my $body = $answer->body eq '' ? '' : "'" . $answer->body . "'";

    return <<"END";
server {
    listen %LISTEN%;
    server_name $host;
    @{[ headers($answer) ]}
    location / { return @{[ $answer->status ]} $body; }
}
END
}

# A server that sends the files by nginx's own handler.
sub static {
    my ($host, $answer) = @_;

    return <<"END";
server {
    listen %LISTEN%;
    server_name $host;
    etag off;
    types { }
    @{[ headers($answer) ]}
    location /mds/v1/files/ { alias %DEPOT%/files/; }
}
END
}

# --- sides

sub device {
    my ($self) = @_;

    return 'device=d' . int(rand 1e7) . '&user=user-'
        . int(rand 2 * $self->{ids})
        . '&platform=android&brand=Xiaomi&model=m1&os_version=12'
        . '&region=eu&language=en';
}

sub some_name { return name(1 + int rand $_[0]{resources}) }

# what: install, nothing
sub check {
    my ($self, $what, $host) = @_;
    my $version = $what eq 'install' ? '0' : '2';

    srand 1;
    return side($self->{t}, map {
        get('/mds/v1/check?app=bench&kind=bundle&name=' . $self->some_name
                . "&version=$version&" . $self->device, $host)
    } 1 .. $REQUESTS);
}

# {release: {body, signature}}, of those that are ever sent.
sub manifests {
    my ($self) = @_;
    my %manifests;

    my $side = side($self->{t}, map {
        my $check = '/mds/v1/check?app=bench&kind=bundle&name=' . name($_)
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
