package Edge;

# An edge that is no edge: it answers what the test told it to, however wrong
# that is. Signatures are made by openssl and minisign, not by our own code,
# so that a mistake in both of ours does not cancel out.
#
#   my $edge = Edge->new(key => 'NAME.key');
#   $edge->answer('/mds/v1/check', { status => 204 }, ...);   # one by one, the
#                                                             # last again
#   $edge->start;  $edge->url  $edge->requests  $edge->posts
#
# An answer: status, type, headers (hash), body; cut (closes after so many
# bytes of the body), ranges (honours Range), hold (a stream: has no length and
# stays open; push() sends more to it, and hang_up() ends it).

use strict;
use warnings;

use Digest::SHA qw(sha256 sha256_hex);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64 decode_base64);

sub new {
    my ($class, %self) = @_;
    $self{dir}    = tempdir(CLEANUP => 1);
    $self{routes} = {};
    return bless \%self, $class;
}

sub answer {
    my ($self, $path, @answers) = @_;
    $self->{routes}{$path} = \@answers;
}

# Answers for each method: GET => [...], POST => [...].
sub answers {
    my ($self, $path, %answers) = @_;
    $self->{routes}{$path} = \%answers;
}

sub url { "http://127.0.0.1:$_[0]{port}/mds/v1/" }

# "GET /path?query bytes=5-" each, since the start.
sub requests {
    my ($self) = @_;
    open my $log, '<', "$self->{dir}/log" or return ();
    chomp(my @lines = <$log>);
    return @lines;
}

# All header lines of all requests, since the start.
sub heads { slurp("$_[0]{dir}/heads") }

# "TYPE BODY" of each POST, since the start.
sub posts {
    my ($self) = @_;
    open my $posts, '<', "$self->{dir}/posts" or return ();
    chomp(my @lines = <$posts>);
    return @lines;
}

sub start {
    my ($self) = @_;
    $self->stop;
    unlink map { "$self->{dir}/$_" } qw(log posts heads);

    my $listen = IO::Socket::INET->new(
        Listen => 16, LocalAddr => '127.0.0.1', ReuseAddr => 1)
        or die "listen: $!";
    $self->{port} = $listen->sockport;

    $self->{pid} = fork // die "fork: $!";
    return if $self->{pid};

    $SIG{PIPE} = 'IGNORE';
    my $select = IO::Select->new($listen);
    my @held;
    while (1) {
        if (-e "$self->{dir}/push") {
            my $bytes = slurp("$self->{dir}/push");
            $bytes eq '' ? @held = () : map { syswrite $_, $bytes } @held;
            unlink "$self->{dir}/push";
        }
        $select->can_read(0.02) or next;
        my $client = $listen->accept or next;
        $self->serve($client) ? CORE::push(@held, $client) : close $client;
    }
}

# Sends more to all streams, and returns when that was done.
sub push {
    my ($self, $bytes) = @_;
    spew("$self->{dir}/push.new", $bytes);
    rename "$self->{dir}/push.new", "$self->{dir}/push" or die $!;
    select undef, undef, undef, 0.01 while -e "$self->{dir}/push";
}

sub hang_up { $_[0]->push('') }

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    local $?;

    # Perl puts other signals off, and may be in accept() by then.
    kill 'KILL', $pid;
    waitpid $pid, 0;
}

sub DESTROY { $_[0]->stop }

sub serve {
    my ($self, $client) = @_;
    my ($head, $line) = ('');
    $head .= $line while defined($line = <$client>) && $line ne "\r\n";

    my ($method, $target) = $head =~ /^(\S+) (\S+)/ or return;
    my ($range) = $head =~ /^Range: (\S+)/mi;
    open my $log, '>>', "$self->{dir}/log" or die $!;
    print $log join(' ', $method, $target, $range // ()), "\n";
    close $log;
    open my $heads, '>>', "$self->{dir}/heads" or die $!;
    print $heads $head;
    close $heads;

    if ($method eq 'POST') {
        my ($type)   = $head =~ /^Content-Type: (\S+)/mi;
        my ($length) = $head =~ /^Content-Length: (\d+)/mi;
        read $client, my $sent, $length // 0;
        open my $posts, '>>', "$self->{dir}/posts" or die $!;
        print $posts $type // 'none', " $sent\n";
        close $posts;
    }

    my $queue = $self->{routes}{ $target =~ s/\?.*//sr };
    $queue = $queue->{$method} if ref $queue eq 'HASH';
    my $a = !$queue ? { status => 404, body => 'no' }
          : @$queue > 1 ? shift @$queue : $queue->[0];
    my ($status, $body) = ($a->{status} // 200, $a->{body} // '');
    my %headers = %{ $a->{headers} // {} };

    if ($a->{ranges} && defined $range && $range =~ /^bytes=(\d+)-$/) {
        $headers{'Content-Range'} = sprintf 'bytes %d-%d/%d', $1,
            length($body) - 1, length $body;
        ($status, $body) = (206, substr $body, $1);
    }

    print $client "HTTP/1.1 $status Test\r\nConnection: close\r\n",
        $status == 204 || $a->{hold} || $headers{'Content-Length'} ? ()
            : 'Content-Length: ' . length($body) . "\r\n",
        'Content-Type: ', $a->{type} // 'application/octet-stream', "\r\n",
        map({ "$_: $headers{$_}\r\n" } sort keys %headers), "\r\n",
        substr $body, 0, $a->{cut} // length $body;

    # A server that goes on a byte at a time, until the client is tired of it;
    # one that never is would be left alone after half a minute.
    $client->flush;
    for (1 .. ($a->{drips} ? 1500 : 0)) {
        defined syswrite $client, 'x' or last;
        select undef, undef, undef, 0.02;
    }
    return $a->{hold};
}

# The answer to a check with this manifest, signed as interface.md has it.
sub manifest {
    my ($self, $body, %more) = @_;
    my $type = 'application/vnd.mds.manifest+json';
    my $pae  = sprintf 'DSSEv1 %d %s %d %s', length $type, $type,
        length $body, $body;

    return {
        type    => 'application/json',
        body    => $body,
        headers => { 'MDS-Signature' => sprintf 'keyid="%s", sig=:%s:',
            $self->keyid, encode_base64($self->sign($pae), '') },
        %more
    };
}

sub keyid {
    my ($self) = @_;
    return uc unpack 'H*', reverse substr $self->secret, 54, 8;
}

# minisign's file: 6 bytes of names, 48 for encrypted keys, keyid, seed.
sub secret {
    my ($self) = @_;
    return decode_base64((split /\n/, slurp($self->{key}))[1]);
}

sub sign {
    my ($self, $bytes) = @_;
    my $dir = $self->{dir};
    # RFC 8410, 7.: what stands before an Ed25519 seed in PKCS #8
    spew("$dir/key.der", pack('H*', '302e020100300506032b657004220420')
        . substr $self->secret, 62, 32);
    spew("$dir/message", $bytes);
    system('openssl', 'pkeyutl', '-sign', '-rawin', '-keyform', 'DER',
        '-inkey', "$dir/key.der", '-in', "$dir/message", '-out', "$dir/sig")
        == 0 or die 'openssl';
    return slurp("$dir/sig");
}

sub minisig {
    my ($self, $bytes) = @_;
    my $dir = $self->{dir};
    spew("$dir/package", $bytes);
    system("minisign -S -q -s '$self->{key}' -m '$dir/package'"
        . " -x '$dir/minisig' </dev/null >/dev/null") == 0 or die 'minisign';
    return slurp("$dir/minisig");
}

# A dcz file, by the stock zstd.
sub delta {
    my ($self, $old, $new) = @_;
    my $dir = $self->{dir};
    spew("$dir/old", $old);
    spew("$dir/new", $new);
    system("zstd -qq -19 -f --patch-from='$dir/old' '$dir/new' -o '$dir/zst'")
        == 0 or die 'zstd';
    return pack('H*', '5e2a4d1820000000') . sha256($old) . slurp("$dir/zst");
}

sub spew {
    my ($path, $bytes) = @_;
    open my $file, '>:raw', $path or die "$path: $!";
    print $file $bytes;
    close $file or die "$path: $!";
}

sub slurp {
    my ($path) = @_;
    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}

1;
