package Worker;

# A worker of nginx as the agent sees it: the frames of lib/fleet, written a
# second time.
#
#   my $w = Worker->new("$depot/agent/socket");
#   my $welcome = $w->hello(wants_feed => 1);
#   $w->admit(["a\0w", 'device', 10, $until], ...);    # numbers of verdicts

use strict;
use warnings;

use IO::Select;
use IO::Socket::UNIX;
use Time::HiRes qw(time sleep);

our %TYPE = (hello => 1, admit => 2, outbox => 3, feed_ack => 4, welcome => 65,
    admitted => 66, outbox_ack => 67, feed => 68, database => 69);

sub new {
    my ($class, $path, %self) = @_;
    my $socket;
    for (my $end = time + 60; !$socket && time < $end; sleep 0.05) {
        $socket = IO::Socket::UNIX->new(Peer => $path);
    }
    return bless { socket => $socket // die("$path: $!"), bytes => '', number => 0, %self },
        $class;
}

sub text { return pack 'n/a*', $_[0] }

sub send_frame {
    my ($self, $type, $payload, $number) = @_;
    return $self->send_bytes(pack('N C N', 5 + length $payload, $TYPE{$type} // $type,
        $number // 0) . $payload);
}

sub send_bytes {
    my ($self, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    while (length $bytes) {
        my $n = $self->{socket}->syswrite($bytes) // return 0;
        substr $bytes, 0, $n, '';
    }
    return 1;
}

# The next frame, as [type, number, payload]; undef at the end, or when
# patience is over.
sub frame {
    my ($self, $patience) = @_;
    my $end = time + ($patience // 60);
    for (;;) {
        if (length $self->{bytes} >= 4) {
            my $len = unpack 'N', $self->{bytes};
            if (length $self->{bytes} >= 4 + $len) {
                my (undef, $type, $number) = unpack 'N C N', $self->{bytes};
                my $payload = substr $self->{bytes}, 9, $len - 5;
                substr $self->{bytes}, 0, 4 + $len, '';
                return [ $type, $number, $payload ];
            }
        }
        my $left = $end - time;
        return if $left <= 0 || !IO::Select->new($self->{socket})->can_read($left);
        $self->{socket}->sysread($self->{bytes}, 65536, length $self->{bytes})
            or do { $self->{ended} = 1; return };
    }
}

# The next frame of the type; others are kept in order.
sub await {
    my ($self, $type, $patience) = @_;
    my $kept = $self->{kept} //= [];
    for my $i (0 .. $#$kept) {
        return splice @$kept, $i, 1 if $kept->[$i][0] == $TYPE{$type};
    }
    my $end = time + ($patience // 60);
    while (my $frame = $self->frame($end - time)) {
        return $frame if $frame->[0] == $TYPE{$type};
        push @$kept, $frame;
    }
    return;
}

sub hello {
    my ($self, %o) = @_;
    $self->send_frame('hello', pack('N N a16 Q> C', $o{protocol} // 2, $$,
        $o{fleet} // "\0" x 16, $o{position} // 0, $o{wants_feed} // 0));
    my $frame = $self->await('welcome', $o{patience}) or return;
    my %welcome;
    @welcome{qw(protocol shared fleet reachable)} = unpack 'N C a16 C', $frame->[2];
    return \%welcome;
}

sub admit {
    my ($self, @asks) = @_;
    my $number = $self->ask(@asks);
    return $self->verdicts($number);
}

sub ask {
    my ($self, @asks) = @_;
    $self->send_frame('admit', pack('n', scalar @asks) . join('', map {
        text($_->[0]) . text($_->[1]) . pack('Q> q>', $_->[2], $_->[3]) } @asks),
        ++$self->{number});
    return $self->{number};
}

sub verdicts {
    my ($self, $number) = @_;
    my $frame = $self->await('admitted') or return;
    die "answer $frame->[1] for $number" if $frame->[1] != $number;
    return join '', unpack 'x2 C*', $frame->[2];
}

# Items are [number, type, entry]; hands back the number that is acknowledged.
sub outbox {
    my ($self, @items) = @_;
    $self->send_frame('outbox', pack('n', scalar @items) . join '', map {
        pack 'Q> C N/a*', @$_ } @items);
    my $frame = $self->await('outbox_ack') or return;
    return unpack 'Q>', $frame->[2];
}

# The items of the next FEED, acknowledged.
sub feed {
    my ($self, $patience) = @_;
    my $frame = $self->await('feed', $patience) or return;
    my ($after, $last, $count, $rest) = unpack 'Q> Q> n a*', $frame->[2];
    my @items;
    for (1 .. $count) {
        my ($number, $type, $entry);
        ($number, $type, $entry, $rest) = unpack 'Q> C N/a a*', $rest;
        push @items, { number => $number, type => $type, entry => $entry };
    }
    $self->{feed_last} = $last;
    $self->send_frame('feed_ack', pack 'Q>', $items[-1]{number});
    return @items;
}

# Entries.
sub mark {
    my ($user, $through, @runs) = @_;
    return text("a\0$user") . pack('Q> Q>', $through, 0) . pack 'Q>*', @runs;
}

sub report {
    my ($release, $device, $event, %o) = @_;
    return text("a\0$release") . pack('Q> C C Q> N C q>', $device, $event,
        $o{instructed} // 1, $o{least} // 0, $o{ppm} // 0, 0, $o{at} // 1)
        . text($o{detail} // '');
}

sub device {
    my ($device, $user, $version, $seen) = @_;
    return join('', map { text($_) } 'a', $device, $user, 'android', $version)
        . pack 'q> C', $seen, 0;
}

1;
