package Terminal;

# Runs mdsctl on a terminal of its own, waits for its questions, and types answers.

use strict;
use warnings;

use Exporter qw(import);
use POSIX ();

use Ctl ();

our @EXPORT = qw(on_terminal);

# ioctl requests of Linux
my %IOCTL = (TIOCSPTLCK => 0x40045431, TIOCGPTN => 0x80045430, TIOCSCTTY => 0x540e);

sub open_pair {
    my $number = pack 'I', 0;

    open my $master, '+<', '/dev/ptmx' or die "/dev/ptmx: $!";
    ioctl $master, $IOCTL{TIOCSPTLCK}, my $unlocked = pack('i', 0) or die "unlock: $!";
    ioctl $master, $IOCTL{TIOCGPTN}, $number or die "number: $!";
    return ($master, '/dev/pts/' . unpack 'I', $number);
}

# The dialogue is pairs of a question, as a regex, and what is typed then. Returns the
# exit code and all that the terminal showed.
sub on_terminal {
    my ($dialogue, @args) = @_;
    my ($master, $name) = open_pair();
    my @dialogue = @$dialogue;
    my ($shown, $from) = ('', 0);
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        POSIX::setsid();
        open my $slave, '+<', $name or die "$name: $!";
        ioctl $slave, $IOCTL{TIOCSCTTY}, 0;
        POSIX::dup2(fileno $slave, $_) for 0 .. 2;
        exec { "$Ctl::build/mdsctl" } "$Ctl::build/mdsctl", @args or POSIX::_exit(127);
    }

    # A question that nobody expected must not stop the tests.
    local $SIG{ALRM} = sub { kill 'KILL', $pid };
    alarm 120;

    # The other side ends the conversation: a read fails once no process has it open.
    while (sysread $master, $shown, 4096, length $shown) {
        while (@dialogue && substr($shown, $from) =~ $dialogue[0]) {
            $from = length $shown;
            syswrite $master, $dialogue[1];
            splice @dialogue, 0, 2;
        }
    }
    waitpid $pid, 0;
    alarm 0;
    $shown =~ s/\r\n/\n/g;
    return ($? & 127 ? "signal $?" : $? >> 8, $shown);
}

1;
