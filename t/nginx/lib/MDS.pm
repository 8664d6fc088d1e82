package MDS;

# A real nginx with the module, a depot and a key, in a folder of its own
# under /tmp; both are gone when the test ends, however it ends.
#
#   my $t = MDS->new(workers => 2);
#   $t->depot;                                  # mdsctl keygen, init
#   $t->mdsctl('apply', $t->document({ app => ... }));
#   $t->start(<<'EOF');                         # goes into http {}
#   mds_depot %DEPOT%;
#   server { listen %LISTEN%; location = /check { mds_check; } }
#   EOF
#   my $r = $t->get('/check?app=a');            # status, body
#   is($r->header('MDS-Serial'), 1);
#   $t->finish;                                 # log clean? done_testing

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(sleep time);
use lib dirname(__FILE__) . '/../../lib';

use Spawn;

our $ROOT  = abs_path(dirname(__FILE__) . '/../../..');
our $BUILD = $ENV{MDS_BUILD} || "$ROOT/build";
our $NGINX = $ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx';

my $JSON = JSON::PP->new->utf8->canonical;
my @live;

$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);

END {
    my $status = $?;
    $_->destroy for @live;
    $? = $status;
}

sub new {
    my ($class, %options) = @_;

    my $dir = tempdir('mds-test-XXXXXXXX', DIR => '/tmp');
    chmod 0755, $dir or die "chmod $dir: $!";

    my $self = bless {
        dir     => $dir,
        owner   => $$,
        workers => 1,
        main    => '',    # more for the main context
        connections => 512,    # of a worker
        patience => 120,  # seconds, for what has to come; a bound for what is
                          # broken, not a measure: the machine may be busy
        allowed => [],    # lines of the error log that are expected
        module  => "$BUILD/ngx_http_mds_module.so",
        daemon  => 'off',
        looks   => 0,     # for wait_until_looked
        env     => {},    # more for nginx's environment
        %options,
    }, $class;

    push @live, $self;
    $self->{port} = $self->free_port;

    return $self;
}

sub dir       { $_[0]{dir} }
sub port      { $_[0]{port} }
sub depot_dir { "$_[0]{dir}/depot" }
sub url       { "http://127.0.0.1:$_[0]{port}" . ($_[1] // '') }

# --- files

sub write {
    my ($self, $name, $content) = @_;

    my $path = $name =~ m{^/} ? $name : "$self->{dir}/$name";
    my $new = $name eq 'clock' ? "$path.new" : $path;    # a worker may read it just now
    open my $file, '>:raw', $new or die "$new: $!";
    print $file $content;
    close $file or die "$new: $!";
    chmod 0644, $new;
    $new eq $path or rename $new, $path or die "$path: $!";

    return $path;
}

sub read {
    my ($self, $name, $from) = @_;

    my $path = $name =~ m{^/} ? $name : "$self->{dir}/$name";
    open my $file, '<:raw', $path or return '';
    seek $file, $from, 0 if $from;
    local $/;

    return scalar <$file>;
}

sub document {
    my ($self, $document, $name) = @_;
    return $self->write($name // 'document.json', $JSON->encode($document));
}

# --- mdsctl

sub depot {
    my ($self) = @_;

    $self->mdsctl('keygen', "$self->{dir}/test");
    $self->mdsctl('init');
}

# The output of a command that has to work.
sub mdsctl {
    my ($self, @words) = @_;

    my ($status, $out, $err) = $self->mdsctl_any(@words);
    die "mdsctl @words: exit $status\n$out$err" if $status != 0;

    return $out;
}

# The exit status, output and error output of any command.
sub mdsctl_any {
    my ($self, @words) = @_;

    return $self->run({ MDS_KEY => "$self->{dir}/test.key" },
        "$BUILD/mdsctl", '--depot', $self->depot_dir, @words);
}

sub run {
    my ($self, $env, @command) = @_;

    my ($out, $err) = map { "$self->{dir}/run.$_" } qw(out err);
    my $raw = Spawn::run({ %ENV, %$env }, '/dev/null', $out, $err, @command);
    my $status = $raw & 127 ? 128 + ($raw & 127) : $raw >> 8;

    return ($status, $self->read($out), $self->read($err));
}

# --- nginx

sub free_port {
    for (1 .. 100) {
        my $port = 20000 + int rand 10000;    # below the ephemeral ones
        my $socket = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port, Proto => 'tcp',
            Listen => 1, ReuseAddr => 1);
        return $port if $socket;
    }

    die 'no free port';
}

sub user {
    return '' if $> != 0;
    return getpwnam('www-data') ? 'user www-data;' : 'user nobody nogroup;';
}

sub expand {
    my ($self, $text) = @_;

    my %word = (
        DEPOT  => $self->depot_dir,
        DIR    => $self->dir,
        PORT   => $self->port,
        LISTEN => "127.0.0.1:$self->{port}",
    );
    $text =~ s/%([A-Z]+)%/$word{$1} \/\/ "%$1%"/ge;

    return $text;
}

sub write_config {
    my ($self, $http) = @_;

    my $dir   = $self->{dir};
    my $waits = $http =~ /mds_state_timeout/ ? '' : "mds_state_timeout $self->{patience}s;";
    my $looks = !$self->{looks} ? '' : $self->expand('server { listen %LISTEN%;'
        . ' server_name beacon; location / { mds_check; mds_depot %DIR%/beacon; } }');
    my $temp  = join "\n    ",
        map { "${_}_temp_path $dir/temp_$_;" }
        qw(client_body proxy fastcgi uwsgi scgi);
    $self->{http} = $http;

    return $self->write('nginx.conf', $self->expand(<<"END"));
load_module "$self->{module}";
@{[ $self->user ]}
daemon $self->{daemon};
worker_processes $self->{workers};
pid $dir/nginx.pid;
error_log $dir/error.log info;
$self->{main}
events { worker_connections $self->{connections}; }
http {
    access_log off;
    $temp
    $waits
$http
    $looks
}
END
}

sub environment {
    my ($self) = @_;
    my @preload = grep { defined && length } $ENV{TEST_NGINX_PRELOAD},
        $self->{preload};
    return { %{ $self->{env} },
        @preload ? (LD_PRELOAD => join ' ', @preload) : () };
}

# nginx -t: exit status and what it says.
sub test_config {
    my ($self, $http) = @_;

    my $conf = $self->write_config($http);
    my ($status, $out, $err) = $self->run($self->environment, $NGINX, '-t',
        '-p', $self->{dir}, '-e', "$self->{dir}/test.log", '-c', $conf);

    return ($status, "$out$err");
}

sub start {
    my ($self, $http) = @_;

    for my $try (1 .. 5) {
        $self->write_config($http);
        $self->spawn;
        return $self if $self->wait_until_up;

        my $said = $self->read('stderr') . $self->read('error.log');
        $self->stop;
        die "nginx does not start:\n$said" if $said !~ /Address already in use/;

        unlink "$self->{dir}/error.log";
        $self->{port} = $self->free_port;
    }

    die 'no port for nginx';
}

sub spawn {
    my ($self) = @_;

    my $dir = $self->{dir};
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        setpgrp;
        %ENV = (%ENV, %{ $self->environment });
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>>', "$dir/stderr";
        open STDERR, '>>', "$dir/stderr";
        exec $NGINX, '-p', $dir, '-e', "$dir/error.log", '-c',
            "$dir/nginx.conf" or POSIX::_exit(127);
    }

    $self->{pid} = $pid;
}

sub wait_until_up {
    my ($self) = @_;

    return $self->wait_for(sub {
        return -1 if waitpid($self->{pid}, WNOHANG) == $self->{pid};
        return 0 if !-s "$self->{dir}/nginx.pid";
        return $self->connect ? 1 : 0;
    }) == 1;
}

# Calls until something true comes back, or patience is over.
sub wait_for {
    my ($self, $code) = @_;

    my $end = time + $self->{patience};
    while (time < $end) {
        my $value = $code->();
        return $value if $value;
        sleep 0.02;
    }

    return 0;
}

sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;
    kill 'TERM', $pid;
    return if $self->wait_for(sub { waitpid($pid, WNOHANG) != 0 });

    diag("nginx $pid does not stop");
    kill 'KILL', -$pid;
    waitpid $pid, 0;
}

# Stops the master, which makes no more workers then. Hands back its process id and
# those of its workers.
sub stopped_processes {
    my ($self) = @_;
    kill 'STOP', $self->{pid};
    $self->wait_for(sub { $self->read("/proc/$self->{pid}/stat") =~ /\) T [^)]*\z/ })
        or die 'the master does not stop';
    return ($self->{pid}, $self->workers);
}

sub workers {
    my ($self) = @_;
    my $pid = $self->{pid};
    return split ' ', $self->read("/proc/$pid/task/$pid/children");
}

# Waits until all threads of the process sleep: until it has done all that it
# was given.
sub wait_until_asleep {
    my ($self, $pid) = @_;
    return $self->wait_for(sub {
        return !grep { $self->read($_) !~ /\) S [^)]*\z/ }
            glob "/proc/$pid/task/*/stat";
    });
}

# Waits until each worker has looked at its depots, as it does every second, since
# the call; of a test that says looks => 1. It has a depot of its own that is never
# served, for one reason and then for another, and a worker logs each change of the
# reason when it looks. All depots of a worker have the same period, so each of them was
# looked at between two such lines.
sub wait_until_looked {
    my ($self) = @_;
    die 'MDS->new without looks => 1' if !$self->{looks};

    for (1 .. 2) {
        my $from = -s "$self->{dir}/error.log";
        $self->change_beacon;
        $self->wait_for(sub {
            my $said = $self->read('error.log', $from);
            return !grep { $said !~ m{ $_#\d+: mds depot "\Q$self->{dir}\E/beacon" is not} }
                $self->{main} =~ /master_process off/ ? $self->{pid} : $self->workers;
        }) or return 0;
    }

    return 1;
}

# A CURRENT that is none, or no CURRENT, in turn.
sub change_beacon {
    my ($self) = @_;
    my $current = "$self->{dir}/beacon/CURRENT";

    return unlink $current if -e $current;
    mkdir "$self->{dir}/beacon";
    rename $self->write('beacon.new', 'none'), $current or die "$current: $!";
}

# Reloads and waits for the new workers to serve and the old ones to go.
sub reload {
    my ($self, $http) = @_;

    my %old = map { $_ => 1 } $self->workers;
    $self->write_config($http // $self->{http});
    kill 'HUP', $self->{pid};

    $self->wait_for(sub {
        my @now = $self->workers;
        return @now == $self->{workers} && !grep { $old{$_} } @now;
    }) or die 'no new workers';
}

# --- HTTP

sub connect {
    my ($self) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $self->{port}, Proto => 'tcp',
        Timeout => $self->{patience});
}

# Sends exactly these bytes, reads until the server closes. Where patience is
# over before that, the answer is what has come, and says so (hangs).
sub raw {
    my ($self, $bytes) = @_;

    my $socket = $self->connect or return MDS::Response->new('');
    $socket->syswrite($bytes);

    return $self->rest_of($socket);
}

# What still comes on the connection, until the server closes it.
sub rest_of {
    my ($self, $socket) = @_;

    my $answer = '';
    while ($self->readable($socket)) {
        $socket->sysread($answer, 65536, length $answer)
            or return MDS::Response->new($answer);
    }

    my $r = MDS::Response->new($answer);
    $r->{hangs} = 1;
    return $r;
}

# What comes on the connection until it is what is wanted, the connection ends,
# or patience is over.
sub read_until {
    my ($self, $socket, $wanted) = @_;

    my $bytes = '';
    while ($bytes !~ $wanted && $self->readable($socket)) {
        $socket->sysread($bytes, 65536, length $bytes) or last;
    }

    return $bytes;
}

# Whether something comes before patience is over: bytes, or the end.
sub readable {
    my ($self, $socket) = @_;
    return scalar(() = IO::Select->new($socket)->can_read($self->{patience}));
}

# Requests on one connection, each sent once the answer before is whole: what
# is sent after 100 Continue stands behind the head, in an array. A connection
# that closes, or says nothing for 10 s, ends the answers.
sub converse {
    my ($self, @requests) = @_;

    my $socket = $self->connect or return;
    my $select = IO::Select->new($socket);
    my ($bytes, @answers) = ('');
    my $more = sub {
        return $select->can_read(10)
            && $socket->sysread($bytes, 65536, length $bytes);
    };

    for my $request (@requests) {
        my ($head, @bodies) = ref $request ? @$request : $request;
        $socket->syswrite($head);
        for my $body (@bodies) {
            $more->() or return @answers
                while $bytes !~ s{^HTTP/1\.1 100 Continue\r\n\r\n}{};
            $socket->syswrite($body);
        }

        $more->() or return @answers while $bytes !~ /\r\n\r\n/;
        my $end = $+[0];
        $end += $1
            if substr($bytes, 0, $end) =~ /^Content-Length: (\d+)\r$/mi
            && $head !~ /^HEAD/;
        $more->() or return @answers while length $bytes < $end;
        push @answers, MDS::Response->new(substr $bytes, 0, $end, '');
    }

    return @answers;
}

sub request {
    my ($self, $method, $target, @headers) = @_;

    my $bytes = "$method $target HTTP/1.1\r\nHost: localhost\r\n"
        . "Connection: close\r\n";
    while (my ($name, $value) = splice @headers, 0, 2) {
        $bytes .= "$name: $value\r\n";
    }

    return $self->raw("$bytes\r\n");
}

sub get  { my $self = shift; return $self->request('GET', @_) }
sub head { my $self = shift; return $self->request('HEAD', @_) }

# --- the error log

# Without the beacon of wait_until_looked, and without the workers that a master kills
# because they have not ended a second after it was terminated: the machine is busy.
sub error_log {
    my ($self) = @_;
    my $log = $self->read('error.log');
    my %terminated;

    return $log if $log !~ m{/beacon"|exited on signal 9};
    return join '', grep {
        $terminated{$1} = 1 if /\[notice\] (\d+)#\d+: signal 15 \(SIGTERM\) received/;
        !m{mds depot "[^"]*/beacon"}
            && !(/\[alert\] (\d+)#\d+: worker process \d+ exited on signal 9$/ && $terminated{$1});
    } split /^/, $log;
}

# Lines that the test provokes, by a pattern.
sub allow { my ($self, @patterns) = @_; push @{ $self->{allowed} }, @patterns }

# Stops nginx and looks for what no test may leave behind.
sub finish {
    my ($self) = @_;

    $self->stop;

    my @bad = grep {
        my $line = $_;
        $line =~ /\[(?:crit|alert|emerg)\]|exited (?:on signal|with code [1-9])/
            && !grep { $line =~ $_ } @{ $self->{allowed} }
    } split /\n/, $self->error_log;
    is("@bad", '', 'nothing above [error] in the log');
    unlike($self->read('stderr') . $self->error_log,
        qr/Sanitizer|runtime error/,
        'no sanitizer complains');

    done_testing;
}

sub destroy {
    my ($self) = @_;

    return if $self->{owner} != $$;
    $self->stop;
    remove_tree($self->{dir});
}

package MDS::Response;

use strict;
use warnings;

# The first answer in the bytes: status, headers, body (as many bytes as
# Content-Length says, or all).
sub new {
    my ($class, $bytes) = @_;

    my ($top, $body) = split /\r\n\r\n/, $bytes, 2;
    my ($line, @lines) = split /\r\n/, $top // '';
    my $self = bless {
        bytes  => $bytes,
        status => ($line // '') =~ m{^HTTP/1\.[01] (\d{3})} ? $1 : 0,
        body   => $body // '',
        fields => [ map { [ split /:\s*/, $_, 2 ] } @lines ],
    }, $class;

    return $self;
}

sub status { $_[0]{status} }
sub body   { $_[0]{body} }

# All values under the name, joined as RFC 9110 has it; undef for none.
sub header {
    my ($self, $name) = @_;

    my @values = map { $_->[1] } grep { lc $_->[0] eq lc $name }
        @{ $self->{fields} };
    return @values ? join ', ', @values : undef;
}

sub json {
    my ($self) = @_;
    return eval { JSON::PP->new->utf8->decode($self->{body}) };
}

1;
