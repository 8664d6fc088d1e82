package Bench::World;

# A depot with a catalog to measure, and an nginx with one worker before it.
#
#   world()                        # the one that most rows are about
#   world(resources => 10_000)     # another one
#
# Each is made when it is first asked for, and kept until the end. What is in
# it is in Bench::Documents, what it can be asked in Bench::Requests. Who is to
# answer is said by the Host, so that request lines are the same:
#
#   mds          the module
#   200 204 cfg  answers that are fixed: as mds itself answers a check with
#                something and with nothing to do, and for the configuration
#   10KB 10MB    nginx's own handler for files, with the headers of that file

use strict;
use warnings;

use parent 'Bench::Requests';

use Bench;
use Bench::Documents;
use Bench::Side;
use Exporter qw(import);
use MDS;
use Spawn;
use Time::HiRes qw(time);

our @EXPORT = qw(world);

my $CONF     = <<'END';
mds_depot %DEPOT%;
mds_zone %ZONE%;
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
        zone      => '8m',
        @_,
    );
    my $key = join ' ', map { "$_=$options{$_}" } sort keys %options;

    return $worlds{$key} //= __PACKAGE__->new(%options);
}

sub new {
    my ($class, %options) = @_;

    my $t    = MDS->new(workers => 1, patience => 120);
    my $self = bless { %options, t => $t }, $class;

    $t->depot;
    $t->write("p$_", "package $_\n" x 1000) for 1, 2;
    $t->write('10KB', 'x' x 10_000);
    $t->write('10MB', 'x' x 10_000_000);
    $self->timed($_->{app}, 'apply', $t->document($_, "$_->{app}.json"))
        for documents(@options{qw(resources releases)});
    $self->timed('ids', qw(list import bench beta), $self->ids_file($t));
    unlink "$t->{dir}/ids";
    $self->start;

    return $self;
}

# Runs mdsctl; the seconds that it took, those on the CPU, and the KiB that it
# had at most, are kept.
sub timed {
    my ($self, $what, @words) = @_;

    my $begun = time;
    $self->{t}->mdsctl(@words);
    $self->{seconds}{$what} = time - $begun;
    $self->{cpu}{$what}     = $Spawn::cpu;
    $self->{peak}{$what}    = $Spawn::peak;
    return $self->{seconds}{$what};
}

sub ids_file {
    my ($self, $t) = @_;
    my $file = "$t->{dir}/ids";

    system("$MDS::BUILD/bench/ids $self->{ids} > $file") == 0 or die 'no ids';
    return $file;
}

sub start {
    my ($self) = @_;
    my $t = $self->{t};
    my $conf = $CONF =~ s/%ZONE%/$self->{zone}/r;

    $t->start($conf);
    $self->wait;
    my %fixed = (
        '200' => answer($self->check(install => 'mds')),
        '204' => answer($self->check(nothing => 'mds')),
        'cfg' => answer($self->config('mds')),
    );
    my %static = map { $_ => answer($self->file($_, 'mds')) } qw(10KB 10MB);
    $t->stop;

    $t->start(join '', $conf,
        (map { fixed($_, $fixed{$_}) } sort keys %fixed),
        (map { static($_, $static{$_}) } sort keys %static));
    $self->wait;
}

# A depot is looked at as a whole before it is served.
sub wait {
    my ($self) = @_;
    my $side = $self->check(install => 'mds');

    $self->{t}->wait_for(sub { answer($side)->status == 200 })
        or die "no install:\n" . $self->{t}->error_log;
}

# What of an answer nginx does not say by itself.
sub headers {
    my ($answer) = @_;
    my $own = qr/^(?:Server|Date|Last-Modified|Accept-Ranges|Connection
        |Content-Type|Content-Length)$/x;
    my $type = $answer->header('Content-Type') // '""';

    return join "\n    ", "default_type $type;",
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

1;
