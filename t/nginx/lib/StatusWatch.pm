package StatusWatch;

# One client that asks all the time while things die under it: a process of
# its own with many connections, kept alive or not, that asks questions in
# turn, each again if its answer got lost, and notes what it heard.
#
#   my $watch = StatusWatch->new(port => ..., connections => 16, questions => [
#       { name => 'check', bytes => sub { "GET ..." }, slow => 0, halves => 0,
#         hear => sub { my ($response, $question) = @_; 'what it comes to' } },
#   ]);
#   $watch->kills(sub { kill ... });
#   my $so_far = $watch->progress;     # answers, serials (heard of), lost
#   my $heard = $watch->ended;
#
# Half of the connections are idle now and then, as those of devices are. A
# slow question's answer is read at leisure, one in halves keeps its last bytes
# for a while. hear dies of what no answer may be, and gives undef for what is
# not told by the serial. What comes back:
#
#   answers  name => serial => what it comes to => how often
#   asked, lost (answers), failed (lost twice), wrong (died of, words), back
#   (answers of a serial below one that was known when the question went out)
#
# Who reloads nginx, or kills a worker, takes answers away; excused is a loss
#   - on a connection that was idle before, without a byte of an answer: nginx
#     closes those on a reload,
#   - while somebody was killed.
# Other losses are wrong; a question fails where both of its answers are lost,
# but for a kill in the second try. What a worker's death has cut off was
# answered by the second try, or is among the failed.

use strict;
use warnings;

use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(sleep time);

use MDS;

my $SLICE = 20_000;    # bytes that a slow reader takes each 10 ms
my $LATE  = 120;       # seconds after which an answer counts as lost

sub new {
    my ($class, %self) = @_;

    my $self = bless { connections => 16, kills => [],
        page => File::Temp->new, %self }, $class;
    pipe my $read, my $write or die "pipe: $!";
    $self->{pid} = fork // die "fork: $!";
    if ($self->{pid}) {
        $self->{read} = $read;
        return $self;
    }

    $SIG{PIPE} = 'IGNORE';
    $SIG{TERM} = sub { $self->{stopped} = 1 };
    open $self->{page}, '+<:raw', $self->{page}->filename or POSIX::_exit(1);
    eval { $self->work };
    push @{ $self->{wrong} }, "the client died: $@" if $@;
    print $write JSON::PP->new->utf8->encode({ map { $_ => $self->{$_} }
        qw(answers asked losses wrong back latest) });
    close $write;
    POSIX::_exit(0);
}

# Somebody is killed meanwhile, and only then.
sub kills {
    my ($self, $kills) = @_;
    my $begun = time;
    $kills->();
    push @{ $self->{kills} }, [ $begun, time ];
}

# What the client has come to so far: each number only grows.
sub progress {
    my ($self) = @_;
    my $page = $self->{page};
    sysseek $page, 0, 0;
    sysread $page, my ($bytes), 24;
    my %progress;
    @progress{qw(answers serials lost)}
        = length $bytes == 24 ? unpack 'Q3', $bytes : (0, 0, 0);
    return \%progress;
}

sub tell_progress {
    my ($self) = @_;
    sysseek $self->{page}, 0, 0;
    syswrite $self->{page}, pack 'Q3', $self->{answered} // 0,
        scalar keys %{ $self->{heard} // {} }, scalar @{ $self->{losses} };
}

sub work {
    my ($self) = @_;

    @$self{qw(asked losses wrong back latest answers)}
        = (0, [], [], [], 0, {});
    my @all = map { { idles => $_ % 2 } } 1 .. $self->{connections};
    my $ask = 0;

    until ($self->{stopped} && !grep { $_->{question} } @all) {
        my $now = time;
        for my $c (@all) {
            last if $self->{stopped};
            next if $c->{question} || $now < ($c->{next} // 0);
            $c->{question}
                = $self->{questions}[ $ask++ % @{ $self->{questions} } ];
            $c->{try} = 1;
            $self->ask($c);
        }

        my $select = IO::Select->new;
        my %by;
        for my $c (grep { $_->{question} } @all) {
            $self->send($c) if $c->{rest} && $now > $c->{asked} + 0.1;
            next if !$c->{question} || !$c->{socket};
            if ($now - $c->{asked} > $LATE) { $self->lose($c, 'late'); next }
            next if $c->{rests} && $now < $c->{rests};
            $by{ $c->{socket} } = $c;
            $select->add($c->{socket});
        }
        $self->hear($by{$_}) for $select->can_read(0.01);
    }
}

sub ask {
    my ($self, $c) = @_;

    $c->{asked} = time;    # it may be lost from here on
    if (!$c->{socket}) {
        $c->{socket} = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $self->{port}, Proto => 'tcp');
        $c->{used} = 0;
        if (!$c->{socket}) {
            push @{ $self->{wrong} }, "no connection: $!";
            sleep 0.05;
            @$c{qw(used got)} = (0, '');
            return $self->lose($c, 'connect');
        }
        $c->{socket}->blocking(0);
        setsockopt $c->{socket}, SOL_SOCKET, SO_RCVBUF, $SLICE
            if $c->{question}{slow};
    }

    $c->{memo}  = {};
    $c->{floor} = $self->{latest};
    $c->{got}   = '';
    delete $c->{whole};
    $c->{rest}  = $c->{question}{bytes}->($c->{memo});
    $self->{asked}++;
    $self->send($c,
        $c->{question}{halves} ? length($c->{rest}) - 10 : length $c->{rest});
}

sub send {
    my ($self, $c, $length) = @_;
    my $bytes = substr $c->{rest}, 0, $length // length $c->{rest}, '';
    ($c->{socket}->syswrite($bytes) // 0) == length $bytes
        or $self->lose($c, 'write');
}

sub hear {
    my ($self, $c) = @_;

    my $slow = $c->{question}{slow};
    my $n = $c->{socket}->sysread($c->{got}, $slow ? $SLICE : 262_144,
        length $c->{got});
    return if !defined $n && $!{EAGAIN};
    return $self->lose($c, defined $n ? 'closed' : "$!") if !$n;

    $c->{rests} = time + 0.01 if $slow;
    if (!defined $c->{whole}) {
        my $end = index $c->{got}, "\r\n\r\n";
        return if $end < 0;
        my $head = substr $c->{got}, 0, $end + 2;
        $c->{whole} = $end + 4
            + ($head =~ /^Content-Length: (\d+)\r/mi ? $1 : 0);
    }
    $self->heard($c) if length $c->{got} >= $c->{whole};
}

sub heard {
    my ($self, $c) = @_;

    my $question = delete $c->{question};
    my $r        = MDS::Response->new($c->{got});
    my $serial   = $r->header('MDS-Serial');
    my $what     = eval { $question->{hear}->($r, $c->{memo}) };

    push @{ $self->{wrong} }, "$question->{name}: $@" if $@;
    if (defined $what) {
        $self->{answers}{ $question->{name} }{ $serial // 0 }{$what}++;
        $self->{heard}{ $serial // 0 } = 1;
    }
    $self->{answered}++;
    $self->tell_progress;
    if (defined $serial) {
        push @{ $self->{back} }, "$question->{name}: $serial after $c->{floor}"
            if $serial < $c->{floor};
        $self->{latest} = $serial if $serial > $self->{latest};
    }
    $c->{used}++;
    $c->{next} = time + rand 0.05 if $c->{idles};
    delete $c->{rests};

    # A new connection now and then, and after what was read slowly.
    delete $c->{socket}
        if lc($r->header('Connection') // '') eq 'close'
        || $c->{used} >= 40 || $question->{slow};
}

sub lose {
    my ($self, $c, $why) = @_;

    delete @$c{qw(socket rest rests)};
    push @{ $self->{losses} }, { question => $c->{question}{name},
        why => $why, try => $c->{try}, asked => $c->{asked}, lost => time,
        idle => $c->{used} && !length $c->{got} ? 1 : 0 };
    $self->tell_progress;
    return delete $c->{question} if ++$c->{try} > 2;
    $self->ask($c);
}

sub ended {
    my ($self) = @_;

    my $pid = delete $self->{pid} or die 'ended twice';
    kill 'TERM', $pid;
    my $said = do { local $/; readline $self->{read} };
    waitpid $pid, 0;

    my $heard = JSON::PP->new->utf8->decode($said);
    my @losses = @{ delete $heard->{losses} };
    my ($failed, $excused) = (0, 0);
    for my $loss (@losses) {
        my $kill = grep { $_->[1] > $loss->{asked}
            && $_->[0] < $loss->{lost} } @{ $self->{kills} };
        push @{ $heard->{wrong} }, "$loss->{question} lost at try $loss->{try}:"
            . " $loss->{why}" if !$kill && !$loss->{idle};
        $failed++  if $loss->{try} == 2 && !$kill;
        $excused++ if $loss->{try} == 2 && $kill;
    }
    return { %$heard, lost => scalar @losses, failed => $failed,
        excused => $excused };
}

sub DESTROY {
    my ($self) = @_;
    local $?;
    kill 'KILL', $self->{pid} if $self->{pid};
}

1;
