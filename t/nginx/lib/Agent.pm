package Agent;

# An agent that does as a test says: a process of its own that listens at
# DEPOT/agent/socket, speaks the frames of lib/fleet/mds_agent_frame.h, and
# remembers what it heard.
#
#   my $agent = Agent->new($t->depot_dir);
#   $agent->start;                      # at most once at a time
#   $agent->tell(verdict => 'yes');     # yes, no, full, unknown, silent, count,
#                                       # fed: unknown, once the feed has let the device in
#   $agent->tell(feed => [ [ 1, admission("a\0r", 'd1') ] ]);
#   my $heard = $agent->heard;          # admits, outbox, acks, hellos, open, pids
#   $agent->kill; $agent->freeze; $agent->thaw; $agent->stop;

use strict;
use warnings;

use IO::Select;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX ();
use Socket;

my $JSON = JSON::PP->new->latin1->canonical;

use constant { HELLO => 1, ADMIT => 2, OUTBOX => 3, FEED_ACK => 4, WELCOME => 65,
    ADMITTED => 66, OUTBOX_ACK => 67, FEED => 68, DATABASE => 69 };

my %VERDICTS = (yes => 1, no => 2, full => 3, unknown => 4);
our $FLEET = 'fleet-of-sixteen';

sub new {
    my ($class, $depot, %options) = @_;
    return bless { dir => "$depot/agent", settings => { verdict => 'count',
        reachable => 1, shared => 1, protocol => 2, fleet => $FLEET, ack => 1,
        feed => [], %options } }, $class;
}

# --- frames and entries

sub text  { pack 'n/a*', $_[0] }
sub frame { my ($type, $number, $payload) = @_;
    return pack('N C N', 5 + length $payload, $type, $number) . $payload }

sub admission   { [ 16, text($_[0]) . text($_[1]) . pack 'Q>', $_[2] // 1 ] }
sub window_full { [ 17, text($_[0]) . pack 'Q> Q>', $_[1], $_[2] // 1 ] }
sub halt        { [ 18, text($_[0]) . pack 'Q>3', $_[1], $_[2], $_[3] // 1 ] }
sub resume      { [ 19, text($_[0]) . pack 'Q>', $_[1] // 1 ] }

# The ids are runs: [first, last], ...
sub mark {
    my ($user, $through, @runs) = @_;
    return [ 1, text($user) . pack('Q>2', $through, 0)
        . join '', map { pack 'Q>2', @$_ } @runs ];
}

sub feed_frame {
    my ($after, $last, @items) = @_;
    return frame(FEED, 0, pack('Q>2 n', $after, $last, scalar @items)
        . join '', map { pack 'Q> C N/a*', $_->[0], @{ $_->[1] } } @items);
}

# --- what a test does

sub start {
    my ($self, %how) = @_;

    mkdir $self->{dir};
    chmod 0755, $self->{dir};
    unlink "$self->{dir}/socket";
    socketpair my $mine, my $its, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die "socketpair: $!";
    $_->autoflush(1) for $mine, $its;

    $self->{pid} = fork // die "fork: $!";
    if (!$self->{pid}) {
        close $mine;
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        $SIG{PIPE} = 'IGNORE';
        eval { $self->run($its, %how); 1 } or warn "agent: $@";
        POSIX::_exit(0);
    }

    close $its;
    $self->{control} = $mine;
    $self->call('heard');
    return $self;
}

# Calls the process, and waits for its answer.
sub call {
    my ($self, @command) = @_;
    my $control = $self->{control};
    print $control $JSON->encode(\@command), "\n";
    my $line = <$control> // die "the agent has ended\n";
    return $JSON->decode($line);
}

sub tell {
    my ($self, %settings) = @_;
    $self->{settings} = { %{ $self->{settings} }, %settings };
    return $self->call(tell => \%settings);
}

sub heard  { $_[0]->call('heard') }
sub forget { $_[0]->call('forget') }

# Waits until each worker of these nginx, which have one depot, is welcome, and knows that
# the edge shares: the state remembers that, which they read when they look.
sub wait_for_workers {
    my ($self, @edges) = @_;
    my $t = $edges[0];
    return $t->wait_for(sub {
        my %pids = map { $_ => 1 } @{ $self->heard->{pids} };
        return !grep { !$pids{$_} } map { $_->workers } @edges;
    }) && $t->wait_for(sub {
        JSON::PP->new->decode($t->mdsctl('--json', 'status'))->{fleet};
    }) && !grep { !$_->wait_until_looked } @edges;
}

sub send   { my ($self, $bytes) = @_; return $self->call(send => $bytes) }
sub drop   { $_[0]->call('drop') }
sub freeze { kill 'STOP', $_[0]{pid} }
sub thaw   { kill 'CONT', $_[0]{pid} }

sub kill {
    my ($self) = @_;
    return if !$self->{pid};
    CORE::kill('KILL', $self->{pid});
    waitpid delete $self->{pid}, 0;
    delete $self->{control};
}

sub stop {
    my ($self) = @_;
    $self->kill;
    unlink "$self->{dir}/socket";
}

sub DESTROY { local $?; $_[0]->kill if ($_[0]{pid} // 0) }

# --- the process

sub run {
    my ($self, $control, %how) = @_;
    my $old = umask 0;
    my $listener = IO::Socket::UNIX->new(Listen => 16, Local => "$self->{dir}/socket.new")
        or die "listen: $!\n";
    umask $old;
    if ($how{uid}) {
        # The kernel keeps the credentials of whoever listens.
        chmod 0777, $self->{dir};
        POSIX::setuid($how{uid});
        listen $listener, 16;
    }
    rename "$self->{dir}/socket.new", "$self->{dir}/socket" or die "rename: $!\n";

    %$self = (%$self, clients => {}, admits => [], outbox => [], acks => [],
        hellos => [], in => {}, opened => 0, closed => 0);
    my $select = IO::Select->new($listener, $control);

    while (1) {
        for my $ready ($select->can_read) {
            if ($ready == $listener) {
                my $client = $listener->accept or next;
                $self->{opened}++;
                $self->{clients}{ fileno $client } = { socket => $client, in => '' };
                $select->add($client);
            } elsif ($ready == $control) {
                my $line = <$control> // return;
                my ($command, @more) = @{ $JSON->decode($line) };
                my $method = "do_$command";
                print $control $JSON->encode($self->$method(@more) // {}), "\n";
            } else {
                my $client = $self->{clients}{ fileno $ready } or next;
                my $n = sysread $ready, $client->{in}, 1 << 20, length $client->{in};
                if (!$n) {
                    $self->lose($ready);
                    $select->remove($ready);
                    close $ready;
                    next;
                }
                $self->hear($client);
            }
        }
        for my $fd (keys %{ $self->{dropped} }) {
            my $socket = delete $self->{dropped}{$fd};
            $select->remove($socket);
            close $socket;
        }
    }
}

sub lose {
    my ($self, $socket) = @_;
    delete $self->{clients}{ fileno $socket };
    $self->{closed}++;
}

sub do_tell {
    my ($self, $settings) = @_;
    my $reachable = $self->{settings}{reachable};
    $self->{settings} = { %{ $self->{settings} }, %$settings };
    for my $client (values %{ $self->{clients} }) {
        $self->say($client, frame(DATABASE, 0, pack 'C', $settings->{reachable}))
            if defined $settings->{reachable} && $reachable != $settings->{reachable};
        $self->feed($client);
    }
    return {};
}

sub do_heard {
    my ($self) = @_;
    return { (map { $_ => $self->{$_} } qw(admits outbox acks hellos opened closed)),
        open => scalar(keys %{ $self->{clients} }),
        pids => [ grep { defined } map { $_->{pid} } values %{ $self->{clients} } ] };
}

sub do_forget { my ($self) = @_; @$self{qw(admits outbox acks hellos)} = ([], [], [], []); return {} }

sub do_send { my ($self, $bytes) = @_; $self->say($_, $bytes) for values %{ $self->{clients} }; return {} }

sub do_drop {
    my ($self) = @_;
    for my $client (values %{ $self->{clients} }) {
        $self->{dropped}{ fileno $client->{socket} } = $client->{socket};
        $self->lose($client->{socket});
    }
    return {};
}

sub say {
    my ($self, $client, $bytes) = @_;
    while (length $bytes) {
        my $n = syswrite $client->{socket}, $bytes or return;
        substr $bytes, 0, $n, '';
    }
}

sub hear {
    my ($self, $client) = @_;
    while (length $client->{in} >= 9) {
        my ($len, $type, $number) = unpack 'N C N', $client->{in};
        return if length $client->{in} < 4 + $len;
        my $payload = substr $client->{in}, 9, $len - 5;
        substr $client->{in}, 0, 4 + $len, '';
        $type == HELLO      ? $self->on_hello($client, $payload)
        : $type == ADMIT    ? $self->on_admit($client, $number, $payload)
        : $type == OUTBOX   ? $self->on_outbox($client, $payload)
        : $type == FEED_ACK ? $self->on_ack($client, $payload)
        :                     die "frame of type $type\n";
    }
}

sub on_hello {
    my ($self, $client, $payload) = @_;
    my %hello;
    @hello{qw(protocol pid fleet position wants)} = unpack 'N N a16 Q> C', $payload;
    push @{ $self->{hellos} }, \%hello;
    %$client = (%$client, %hello);
    my $settings = $self->{settings};
    $self->say($client, frame(WELCOME, 0, pack 'N C a16 C', @$settings{qw(protocol shared fleet
        reachable)})) if !$settings->{mute};
    $self->feed($client);
}

# The items of the feed behind the client's position, one frame at a time.
sub feed {
    my ($self, $client) = @_;
    my @all = @{ $self->{settings}{feed} };
    return if !$client->{wants} || $client->{feeding} || $self->{settings}{mute};
    my @next = grep { $_->[0] > $client->{position} } @all or return;
    $#next = $self->{settings}{slice} - 1
        if $self->{settings}{slice} && @next > $self->{settings}{slice};
    $client->{feeding} = 1;
    $self->say($client, feed_frame($client->{position}, $all[-1][0], @next));
}

sub on_ack {
    my ($self, $client, $payload) = @_;
    push @{ $self->{acks} }, $client->{position} = unpack 'Q>', $payload;
    $client->{feeding} = 0;
    for my $asked (splice @{ $self->{asked} // [] }) {
        $self->say($asked->[0], frame(ADMITTED, $asked->[1], pack('n', 1) . chr $VERDICTS{unknown}));
    }
    $self->feed($client);
}

sub verdict {
    my ($self, $window, $id, $limit) = @_;
    my $verdict = $self->{settings}{verdict};
    my $in      = $self->{in}{$window} //= {};
    return $VERDICTS{$verdict} if $verdict ne 'count';
    my $most = $self->{settings}{limit} // $limit;
    return $VERDICTS{full} if !$in->{$id} && keys %$in >= $most;
    $in->{$id} = 1;
    return $VERDICTS{yes};
}

sub on_admit {
    my ($self, $client, $number, $payload) = @_;
    my ($count, @admits) = unpack 'n/(n/a* n/a* Q> Q>)', $payload;
    unshift @admits, $count;
    my $verdicts = '';
    my $n = @admits / 4;
    if ($self->{settings}{verdict} eq 'fed') {
        my $feed = $self->{settings}{feed};
        push @{ $self->{asked} }, [ $client, $number ];
        push @$feed, [ ($feed->[-1] // [0])->[0] + 1, admission(@admits[0, 1]) ];
        $self->feed($_) for values %{ $self->{clients} };
        return;
    }
    while (my ($window, $id, $limit, $until) = splice @admits, 0, 4) {
        push @{ $self->{admits} }, { window => $window =~ s/\0/ /r, id => $id, limit => $limit };
        $verdicts .= chr $self->verdict($window, $id, $limit)
            if $self->{settings}{verdict} ne 'silent';
    }
    $self->say($client, frame(ADMITTED, $number, pack('n', $n) . $verdicts))
        if $self->{settings}{verdict} ne 'silent';
}

sub on_outbox {
    my ($self, $client, $payload) = @_;
    my @items = unpack 'x2 (Q> C N/a*)*', $payload;
    my $last;
    while (my ($number, $type, $entry) = splice @items, 0, 3) {
        push @{ $self->{outbox} }, { number => $number, type => $type, entry => $entry };
        $last = $number;
    }
    $self->say($client, frame(OUTBOX_ACK, 0, pack 'Q>', $last)) if $self->{settings}{ack};
}

1;
