package Bench::Side;

# One side of a comparison: an nginx, and the requests that it is to answer.
#
#   { t => MDS, requests => [...] }
#
# Requests are whole HTTP requests, and are sent in turn.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(side get post answer ask_many prove_like
    prove_same);

my $SAMPLES = 40;

sub side {
    my ($t, @requests) = @_;
    return { t => $t, requests => \@requests };
}

sub get {
    my ($target, $host) = @_;
    return "GET $target HTTP/1.1\r\nHost: $host\r\n\r\n";
}

sub post {
    my ($target, $host, $body) = @_;

    return "POST $target HTTP/1.1\r\nHost: $host\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body";
}

# What the nth request gets.
sub answer {
    my ($side, $nth) = @_;

    my $request = $side->{requests}[ $nth // 0 ];
    $request =~ s/#/0/;
    $request =~ s/\r\n/\r\nConnection: close\r\n/;

    return $side->{t}->raw($request);
}

# Sends so many requests over one connection, each when the one before has
# been answered; the answers are given to a function, if there is one.
sub ask_many {
    my ($side, $count, $each) = @_;
    my $socket = $side->{t}->connect or die 'no connection';

    for my $nth (0 .. $count - 1) {
        my $bytes = '';
        $socket->syswrite($side->{requests}[ $nth % @{ $side->{requests} } ]);
        until (whole($bytes)) {
            $socket->sysread($bytes, 65536, length $bytes)
                or die "closed by nginx:\n" . $side->{t}->error_log;
        }
        $each->($nth, MDS::Response->new($bytes)) if $each;
    }
}

sub whole {
    my ($bytes) = @_;
    my $end = index $bytes, "\r\n\r\n";

    return $end > 0
        && length $bytes >= $end + 4
        + (substr($bytes, 0, $end) =~ /^Content-Length: (\d+)/m ? $1 : 0);
}

# Dies unless both sides answer with the status and in as many bytes, header
# and body each.
sub prove_like {
    my ($status, @sides) = @_;

    for my $nth (0 .. $SAMPLES - 1) {
        my @seen = map {
            my $answer = answer($_, $nth % @{ $_->{requests} });
            join ' ', $answer->status, length head($answer),
                length $answer->body;
        } @sides;

        die "request $nth: status, header, body: $seen[0] : $seen[1]\n"
            if $seen[0] ne $seen[1] || $seen[0] !~ /^$status /;
    }
}

# And unless the first request gets the same bytes, but for the date, and for
# the order of headers.
sub prove_same {
    my ($status, @sides) = @_;

    prove_like($status, @sides);
    my @bytes = map { head($_) . "\n\n" . $_->body } map { answer($_) } @sides;
    die "$bytes[0]\n\n$bytes[1]\n" if $bytes[0] ne $bytes[1];
}

sub head {
    my ($answer) = @_;
    return join "\n", sort map { "$_->[0]: $_->[1]" }
        grep { $_->[0] ne 'Date' } @{ $answer->{fields} };
}

1;
