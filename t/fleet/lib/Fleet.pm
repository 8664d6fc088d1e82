package Fleet;

# An origin, and edges that share a PostgreSQL server: each is an nginx with a
# depot and a `mdsctl agent`. The agent of an edge reaches the server by a proxy
# of its own, which can be frozen: the edge is cut off, and nobody tells it so.
#
#   my $fleet = Fleet->new(edges => 3);
#   $fleet->apply({ app => ... });
#   $fleet->start;
#   $fleet->check($fleet->{edges}[0], 'name', 'device');
#   $fleet->cut(2); $fleet->mend(2);

use strict;
use warnings;

use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX ();
use Time::HiRes qw(sleep time);

use MDS;
use Postgres;

my @pids;
my $owner = $$;

END {
    if ($$ == $owner) {
        my $status = $?;
        kill 'KILL', @pids;
        $? = $status;
    }
}

sub new {
    my ($class, %self) = @_;
    my $self = bless { edges => 3, workers => 2, %self }, $class;
    my $count = $self->{edges};

    $self->{dir} = tempdir('mds-fleet-XXXXXXXX', DIR => '/tmp', CLEANUP => 1);
    chmod 0755, $self->{dir};
    $self->{pg} = Postgres->new(%{ $self->{postgres} // {} });
    $self->{origin} = MDS->new;
    $self->{edges} = [ map { FleetEdge->new(workers => $self->{workers}) } 1 .. $count ];
    $self->{origin}->depot;
    $self->{origin}->write('file', 'a package');
    $self->{origin}->mdsctl('database', 'init', $self->{pg}->uri);

    return $self;
}

sub wait_for { my ($self, $code) = @_; return $self->{origin}->wait_for($code) }

sub read_file {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}

sub apply {
    my ($self, $document) = @_;
    $self->{origin}->mdsctl('apply', '--force', $self->{origin}->document($document));
}

# Starts the origin, and then each edge: its agent brings it what devices get.
sub start {
    my ($self) = @_;
    my @user = $> != 0 ? () : ('--user', getpwnam('www-data') ? 'www-data' : 'nobody',
        '--agent', 'root');

    $self->{origin}->start(<<'EOF');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location /mds/v1/feed/  { mds_feed; }
    location /mds/v1/files/ { mds_files; }
}
EOF
    for my $i (0 .. $#{ $self->{edges} }) {
        my $edge = $self->{edges}[$i];
        $edge->mdsctl('init', @user);
        $edge->mdsctl('database', 'import', $self->{pg}->uri);
        mkdir "$self->{dir}/proxy$i";
        $self->start_proxy($i);
        $self->start_agent($i);
    }
    for my $edge (@{ $self->{edges} }) {
        $self->wait_for(sub { $self->serial($edge) == $self->serial($self->{origin}) })
            or die 'an edge does not follow the origin';
        $edge->start(<<'EOF');
mds_depot %DEPOT%;
keepalive_requests 1000000;
server {
    listen %LISTEN%;
    location = /check    { mds_check; add_header Reason $mds_reason always; }
    location = /messages { mds_messages; }
    location = /report   { mds_report; }
    location = /status   { mds_status; }
}
EOF
    }
    $self->wait_for(sub { $self->{pg}->sql('select count(*) from mds.edges')
        == @{ $self->{edges} } }) or die 'the edges do not come';
}

# The serial that is in force.
sub serial {
    my ($self, $mds) = @_;
    return unpack 'Q<', substr $mds->read($mds->depot_dir . '/CURRENT'), 8;
}

# --- agents and proxies

sub start_agent {
    my ($self, $i) = @_;
    my $uri = $self->{uri} ? $self->{uri}->($i)
        : "postgresql://mds\@/postgres?host=$self->{dir}/proxy$i";
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        %ENV = (%ENV, %{ $self->{edges}[$i]{env} });
        open STDOUT, '>>', "$self->{dir}/agent$i.log";
        open STDERR, '>>', "$self->{dir}/agent$i.log";
        exec "$MDS::BUILD/mdsctl", '--depot', $self->{edges}[$i]->depot_dir, 'agent',
            '--origin', $self->{origin}->url('/mds/v1/'), '--pub',
            $self->{origin}->dir . '/test.pub', '--database', $uri
            or POSIX::_exit(127);
    }
    $self->{agent}[$i] = $pid;
    push @pids, $pid;
}

sub kill_agent {
    my ($self, $i) = @_;
    kill 'KILL', $self->{agent}[$i];
    waitpid $self->{agent}[$i], 0;
    $self->start_agent($i);
}

sub freeze_agent {
    my ($self, $i, $seconds) = @_;
    kill 'STOP', $self->{agent}[$i];
    sleep $seconds;
    kill 'CONT', $self->{agent}[$i];
}

sub start_proxy {
    my ($self, $i) = @_;
    my $path = "$self->{dir}/proxy$i/.s.PGSQL.5432";
    unlink $path;
    my $socket = IO::Socket::UNIX->new(Local => $path, Listen => 20) or die "$path: $!";
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        $SIG{PIPE} = 'IGNORE';
        forward($socket, "$self->{pg}{dir}/.s.PGSQL.5432");
        POSIX::_exit(0);
    }
    $self->{proxy}[$i] = $pid;
    push @pids, $pid;
}

# Passes bytes both ways, for any number of connections.
sub forward {
    my ($listener, $target) = @_;
    my $select = IO::Select->new($listener);
    my %peer;

    for (;;) {
        for my $socket ($select->can_read) {
            if ($socket == $listener) {
                my $near = $listener->accept or next;
                my $far = IO::Socket::UNIX->new(Peer => $target) or next;
                @peer{ $near, $far } = ($far, $near);
                $select->add($near, $far);
                next;
            }
            my $other = $peer{$socket} or next;
            if ($socket->sysread(my $bytes, 65536)) {
                while (length $bytes) {
                    my $n = $other->syswrite($bytes) or last;
                    substr $bytes, 0, $n, '';
                }
                next;
            }
            for my $end ($socket, $other) {
                $select->remove($end);
                delete $peer{$end};
                $end->close;
            }
        }
    }
}

sub cut { my ($self, $i) = @_; kill 'STOP', $self->{proxy}[$i] }

sub mend {
    my ($self, $i) = @_;
    kill 'KILL', $self->{proxy}[$i];
    waitpid $self->{proxy}[$i], 0;
    $self->start_proxy($i);
}

# --- requests

sub check {
    my ($self, $edge, $name, $device) = @_;
    return $edge->get("/check?app=a&kind=bundle&name=$name&platform=p&app_version=1&device=$device");
}

sub post {
    my ($self, $edge, $path, $value) = @_;
    my $body = JSON::PP->new->utf8->canonical->encode($value);
    return $edge->raw("POST $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: " . length($body) . "\r\n\r\n$body");
}

sub mark {
    my ($self, $edge, $user, %marks) = @_;
    return $self->post($edge, '/messages', { app => 'a', user => $user, %marks });
}

sub report {
    my ($self, $edge, $device, $release, $event) = @_;
    return $self->post($edge, '/report', { app => 'a', device => $device, release => $release,
        version => '1', event => $event });
}

# Waits until each edge has applied all of the feed.
sub caught_up {
    my ($self) = @_;
    return $self->wait_for(sub {
        return $self->{pg}->sql('select bool_and(position >= (select number from mds.counter))'
            . ' from mds.edges') eq 't';
    });
}

package FleetEdge;

use parent -norequire, 'MDS';

use Test::More;

# As MDS's finish(), but for a test that goes on.
sub finish_edge {
    my ($self) = @_;
    $self->stop;
    my @bad = grep {
        my $line = $_;
        $line =~ /\[(?:crit|alert|emerg)\]|exited (?:on signal|with code [1-9])/
            && !grep { $line =~ $_ } @{ $self->{allowed} }
    } split /\n/, $self->error_log;
    is "@bad", '', 'nothing above [error] in the log of an edge';
}

1;
