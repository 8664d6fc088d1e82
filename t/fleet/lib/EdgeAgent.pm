package EdgeAgent;

# An edge with an agent, and without nginx. It shares a database, and its origin is
# away unless one is named: what workers of nginx say to it, the test says
# (Worker.pm).
#
#   my $edge = EdgeAgent->new("$dir/north", $pg->uri);
#   my $follower = EdgeAgent->new("$dir/edge", undef, origin => $url, pub => 'ops.pub');
#   my $worker = Worker->new($edge->socket);
#   $edge->log; $edge->figures; $edge->stop;

use strict;
use warnings;

use JSON::PP ();
use POSIX ();

use Ctl ();

my @live;
my $owner = $$;

END {
    if ($$ == $owner) {
        my $status = $?;
        kill 'KILL', map { $_->{pid} // () } @live;
        $? = $status;
    }
}

sub new {
    my ($class, $depot, $uri, %self) = @_;
    my $self = bless { depot => $depot, origin => 'http://127.0.0.1:1/',
        pub => "$depot.key-pair.pub", %self }, $class;

    must('keygen', "$depot.key-pair") if !$self{pub};
    must('--depot', $depot, 'init');
    $self->{pid} = fork // die "fork: $!";
    if ($self->{pid} == 0) {
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>>', "$depot.log";
        open STDERR, '>>', "$depot.log";
        exec { "$Ctl::build/mdsctl" } 'mdsctl', '--depot', $depot, 'agent', '--origin',
            $self->{origin}, '--pub', $self->{pub}, defined $uri ? ('--database', $uri) : ()
            or POSIX::_exit(127);
    }
    push @live, $self;

    return $self;
}

sub must {
    my (@command) = @_;
    my ($code, undef, $err) = Ctl::ctl(@command);
    die "@command: exit $code: $err" if $code ne '0';
}

sub socket  { return "$_[0]{depot}/agent/socket" }
sub log     { return Ctl::read_file("$_[0]{depot}.log") }
sub process { my ($self, $file) = @_; return Ctl::read_file("/proc/$self->{pid}/$file") }
sub serial  { return unpack 'x8 Q<', Ctl::read_file("$_[0]{depot}/CURRENT") . "\0" x 16 }
sub figures { return JSON::PP->new->utf8->decode(Ctl::read_file("$_[0]{depot}/agent/status")) }

# Ends the agent as systemd does. The exit status, as $?.
sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid};
    kill 'TERM', $pid;
    waitpid $pid, 0;
    return $?;
}

1;
