package Browser;

# A headless Chromium, driven over pipes by the DevTools protocol.
#
#   my $b = Browser->new(dir => $t->dir);       # undef: it is not installed
#   (extensions => 1: it installs and updates extensions)
#   $b->open($t->url('/status'), width => 400);
#   $b->wait_for('document.title');             # until it is true
#   $b->value('1 + 1');                         # of JavaScript
#   $b->errors;                                 # of the console, so far
#   $b->screenshot('page.png');

use strict;
use warnings;

use Fcntl qw(F_SETFD);
use IO::Select;
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use POSIX ();
use Time::HiRes qw(sleep time);

my $PATIENCE = 120;

sub new {
    my ($class, %options) = @_;
    my ($chromium) = grep { -x } map { "$_/chromium" } split /:/, $ENV{PATH};
    return if !defined $chromium;

    pipe my $their_in,  my $our_out   or die "pipe: $!";
    pipe my $our_in,    my $their_out or die "pipe: $!";
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        open STDOUT, '>', "$options{dir}/chromium.log";
        open STDERR, '>&', \*STDOUT;
        my ($in, $out) = map { POSIX::dup(fileno $_) } $their_in, $their_out;
        ($in, $out) = map { POSIX::dup2($_, $_ + 20) } $in, $out;
        POSIX::dup2($in, 3);
        POSIX::dup2($out, 4);
        $ENV{HOME} = $options{dir};
        exec $chromium, '--headless=new', '--no-sandbox', '--disable-gpu',
            '--disable-dev-shm-usage', '--no-first-run',
            $options{extensions} ? () : '--disable-background-networking',
            '--hide-scrollbars', "--user-data-dir=$options{dir}/chromium",
            '--remote-debugging-pipe', 'about:blank' or POSIX::_exit(127);
    }

    close $_ for $their_in, $their_out;
    my $self = bless { pid => $pid, in => $our_in, out => $our_out, bytes => '',
        id => 0, events => [], owner => $$ }, $class;
    $our_out->autoflush(1);

    my $target = $self->call('Target.createTarget', { url => 'about:blank' });
    $self->{session} = $self->call('Target.attachToTarget',
        { targetId => $target->{targetId}, flatten => JSON::PP::true })->{sessionId};
    $self->call("$_.enable") for qw(Page Runtime Log);

    return $self;
}

sub next_message {
    my ($self) = @_;
    my $end = time + $PATIENCE;
    my $length;
    while (($length = index $self->{bytes}, "\0") < 0) {
        IO::Select->new($self->{in})->can_read($end - time) or die "chromium does not answer\n";
        sysread $self->{in}, $self->{bytes}, 65536, length $self->{bytes}
            or die "chromium has ended\n";
    }
    my $message = substr $self->{bytes}, 0, $length + 1, '';
    chop $message;
    return JSON::PP->new->utf8->decode($message);
}

sub call {
    my ($self, $method, $params) = @_;
    my $id = ++$self->{id};
    syswrite $self->{out}, JSON::PP->new->utf8->encode({ id => $id, method => $method,
        params => $params // {}, $self->{session} ? (sessionId => $self->{session}) : () }) . "\0";
    while (1) {
        my $message = $self->next_message;
        if (($message->{id} // 0) == $id) {
            die "$method: $message->{error}{message}\n" if $message->{error};
            return $message->{result};
        }
        push @{ $self->{events} }, $message if $message->{method};
    }
}

sub open {
    my ($self, $url, %options) = @_;
    $self->call('Emulation.setDeviceMetricsOverride', { width => $options{width} // 1280,
        height => $options{height} // 900, deviceScaleFactor => 1, mobile => JSON::PP::false });
    $self->call('Emulation.setEmulatedMedia', { features => [ { name => 'prefers-color-scheme',
        value => $options{dark} ? 'dark' : 'light' } ] });
    $self->call('Emulation.setScriptExecutionDisabled',
        { value => $options{script} // 1 ? JSON::PP::false : JSON::PP::true });
    $self->call('Page.navigate', { url => $url });
    $self->wait_for('document.readyState === "complete"');
}

sub value {
    my ($self, $script) = @_;
    my $r = $self->call('Runtime.evaluate',
        { expression => $script, returnByValue => JSON::PP::true, awaitPromise => JSON::PP::true });
    die "$script: $r->{exceptionDetails}{exception}{description}\n" if $r->{exceptionDetails};
    return $r->{result}{value};
}

sub wait_for {
    my ($self, $script) = @_;
    my $end = time + $PATIENCE;
    while (time < $end) {
        my $value = eval { $self->value($script) };
        return $value if $value;
        sleep 0.1;
    }
    return 0;
}

# What the console has: errors, warnings, exceptions, what the policy refuses.
sub errors {
    my ($self) = @_;
    $self->value('1');
    return map {
        my ($m, $p) = @$_{qw(method params)};
        $m eq 'Runtime.exceptionThrown' ? $p->{exceptionDetails}{text}
            : $m eq 'Log.entryAdded' ? $p->{entry}{text}
            : $m eq 'Runtime.consoleAPICalled' ? "console.$p->{type}" : ()
    } @{ $self->{events} };
}

sub screenshot {
    my ($self, $path) = @_;
    my $height = $self->value('document.documentElement.scrollHeight');
    my $width  = $self->value('window.innerWidth');
    my $shot = $self->call('Page.captureScreenshot', { captureBeyondViewport => JSON::PP::true,
        clip => { x => 0, y => 0, width => $width, height => $height, scale => 1 } });
    CORE::open my $file, '>:raw', $path or die "$path: $!";
    print $file decode_base64($shot->{data});
    close $file or die "$path: $!";
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;
    local ($?, $!);
    kill 'TERM', $self->{pid};
    waitpid $self->{pid}, 0;
}

1;
