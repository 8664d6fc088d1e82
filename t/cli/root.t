#!/usr/bin/perl

# The folder state/ is the workers': whatever their user puts there, mdsctl that
# root runs changes nothing of root's, is not ended by it, and says what is
# wrong. Each case is an attack that once gave root away.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use Fcntl qw(:mode);
use File::Temp qw(tempdir);
use POSIX qw(mkfifo);
use Test::More;

use Depot;
use Tree;

plan skip_all => 'only root has something to lose' if $> != 0;

my ($user) = grep { defined getpwnam $_ } qw(www-data nobody);
my ($uid, $gid) = (getpwnam $user)[2, 3];
my $PATIENCE = 60;

my $dir = tempdir(CLEANUP => 1);
chmod 0755, $dir;
my $d  = Depot->new(dir => $dir);
my @up = qw(--kind upgrade --version);
my @till = qw(--until 2090-01-01T00:00:00Z);

$d->put('one', Depot::noise('one', 5000));
$d->must('publish', "$dir/one", '--app', 'a', @up, '1.0');
$d->must('release', 'a', 'r', @up, '1.0', '--window', 5, @till);
$d->must('snapshot', "$dir/snapshot");
copy_tree($d->{depot}, "$dir/whole");

# What is root's, and stays so to the byte.
my $SECRET = 'root:secret' . "\n" x 5;    # as long as PROVED

sub secret {
    my ($content) = @_;
    unlink "$dir/secret";
    $d->put('secret', $content // $SECRET);
    chmod 0600, "$dir/secret";
}

sub is_secret {
    my ($title, $content) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @st = lstat "$dir/secret";
    is_deeply [ sprintf('%o', $st[2]), @st[4, 5],
        Ctl::read_file("$dir/secret") ],
        [ '100600', 0, 0, $content // $SECRET ], "$title: root's file stays";
}

# As the workers' user.
sub as_user {
    my ($code) = @_;
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        ($(, $)) = ($gid, "$gid $gid");
        ($<, $>) = ($uid, $uid);
        POSIX::_exit(eval { $code->(); 1 } ? 0 : 1);
    }
    waitpid $pid, 0;
    die 'the attack does not work' if $? != 0;
}

sub start {
    my (@command) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    open STDIN,  '<', '/dev/null';
    open STDOUT, '>', "$dir/out";
    open STDERR, '>', "$dir/err";
    @ENV{qw(MDS_DEPOT MDS_KEY)} = @$d{qw(depot key)};
    alarm $PATIENCE;    # stays over exec
    { exec "$Ctl::build/mdsctl", @command }
    POSIX::_exit(127);
}

# Runs it to its end, without a fork of this process.
sub run { return $d->run_within($PATIENCE, @_) }

sub end {
    my ($pid) = @_;
    waitpid $pid, 0;
    return ($? & 127 ? "signal " . ($? & 127) : $? >> 8,
        Ctl::read_file("$dir/out") . Ctl::read_file("$dir/err"));
}

sub whole { copy_tree("$dir/whole", $d->{depot}) }

our $state = "$d->{depot}/state";
my @commands = (
    ['status'], ['versions', 'a'], ['devices', 'a', 'u'], ['verify'],
    ['explain', 'app=a', 'kind=upgrade', 'user=u'],
    ['message', 'list', 'a', 'u'], ['snapshot', "$dir/again"],
    ['list', 'add', 'a', 'staff', 'u'], ['gc'],
);

# Names that lead to root's files. Hard links the system may forbid: here they
# are made for the attacker.
my %attacks = (
    'a symbolic link' => sub { my ($name) = @_; as_user(sub {
        unlink "$state/$name";
        symlink "$dir/secret", "$state/$name" or die "symlink: $!";
    }) },
    'a hard link' => sub { my ($name) = @_;
        unlink "$state/$name";
        link "$dir/secret", "$state/$name" or die "link: $!";
    },
    'a FIFO' => sub { my ($name) = @_; as_user(sub {
        unlink "$state/$name";
        mkfifo "$state/$name", 0660 or die "mkfifo: $!";
    }) },
);
my $log = 'devices/log-0000000000000001-00000001';
my $run = 'devices/run-9-0000000000000001-00000000';
for my $name ('lock.mdb', 'data.mdb', $log, $run, 'devices/counts') {
    my $says = $name =~ /counts/ ? qr/^none$/
        : $name =~ /devices/ ? qr/^(?:versions|devices|snapshot)$/
        : qr/^snapshot$/;

    for my $kind (sort keys %attacks) {
        for my $command (@commands) {
            next if $name =~ /devices/ && $command->[0]
                !~ /^(?:status|versions|devices|verify|snapshot)$/;
            whole();
            secret();
            $attacks{$kind}->($name);
            my ($code, $said) = run(@$command);
            my $title = "state/$name is $kind: $command->[0]";
            like $code, qr/^[01]$/, "$title: ends by itself" or diag $said;
            is $code, 0, "$title: and without it"
                if $command->[0] eq 'snapshot' && $name =~ /devices/;
            like $said, qr/state\/$name" must be|state\/$name.*user/,
                "$title: says so"
                if $command->[0] =~ $says;
            is_secret($title);
        }
    }
}

# The whole folder cannot be put elsewhere by its owner, but it is no link.
whole();
rename $state, "$dir/elsewhere" or die;
symlink "$dir/elsewhere", $state or die;
my ($code, $said) = run('snapshot', "$dir/again");
is $code, 1, 'state/ is a link: refused' or diag $said;
like $said, qr{\Q$d->{depot}\E/state}, '... with its name';
remove_tree("$dir/elsewhere");

# PROVED, which root writes to. One that looks right is the worst.
my $proved = "mdsprv1\0" . "\0" x 8;
for my $kind (sort keys %attacks) {
    whole();
    secret($proved);
    $attacks{$kind}->('PROVED');
    ($code, $said) = run('list', 'add', 'a', 'staff', 'u');
    is $code, 0, "state/PROVED is $kind: a change is made" or diag $said;
    is_secret("state/PROVED is $kind", $proved);
}
whole();
unlink "$state/PROVED";
$d->must('list', 'add', 'a', 'staff', 'v');
is_deeply [ map { S_IMODE($_->[2]), @$_[4, 5] } [ lstat "$state/PROVED" ] ],
    [ 0660, $uid, $gid ], 'PROVED is made for the owner of state/';

# init, begun by somebody who was killed when state/ was given away already.
for my $kind (sort keys %attacks) {
    for my $name ('lock.mdb', 'data.mdb') {
        whole();
        secret();
        unlink "$d->{depot}/CURRENT";
        $attacks{$kind}->($name);
        ($code, $said) = run('init');
        like $code, qr/^[01]$/, "init finds a state/$name that is $kind: ends"
            or diag $said;
        is_secret("init finds a state/$name that is $kind");
    }
}

# restore, stopped as soon as the workers' user may write to what it makes.
for my $kind (sort keys %attacks) {
    for my $name ('lock.mdb', 'data.mdb') {
        whole();
        secret();
        my $pid = start('restore', "$dir/snapshot", '--force');
        my $put = 0;
        while (!$put && defined readlink "/proc/$pid/exe") {
            my ($there) = glob "$dir/.tmp-depot-*/state" or next;
            kill 'STOP', $pid;
            local $state = $there;
            $put = eval { $attacks{$kind}->($name); 1 };
            kill 'CONT', $pid;
        }
        ($code, $said) = end($pid);
        ok $put, "restore is attacked by $name that is $kind" or diag $said;
        like $code, qr/^[01]$/, '... and ends' or diag $said;
        is_secret("restore finds $name that is $kind");
        system "rm -rf $dir/.tmp-depot-*";
    }
}
whole();
is_deeply [ (run('restore', "$dir/snapshot", '--force'))[0] ], [0],
    'restore without an attacker works';
is_deeply [ map { S_IMODE($_->[2]), @$_[4, 5] } map { [ lstat "$state/$_" ] }
    '', 'data.mdb', 'lock.mdb' ], [ 02770, $uid, $gid, (0660, $uid, $gid) x 2 ],
    '... and gives the state to the workers';

# Pages that lead astray end the process that reads them, which is not root's.
for my $cut (4096, 8192, 8193) {
    for my $command (@commands) {
        whole();
        as_user(sub {
            open my $file, '+<', "$state/data.mdb" or die "data.mdb: $!";
            truncate $file, $cut or die "truncate: $!";
        });
        my ($code, $said) = run(@$command);
        like $code, qr/^[01]$/,
            "data.mdb is cut to $cut bytes: $command->[0] ends by itself"
            or diag $said;
    }
}
for my $at (map { 4 * $_ } 2 .. 9) {
    whole();
    as_user(sub {
        open my $file, '+<:raw', "$state/data.mdb" or die "data.mdb: $!";
        local $/;
        my $bytes = <$file>;
        # behind the two meta pages: numbers, flags, bounds, pointers
        for my $page (2 .. length($bytes) / 4096 - 1) {
            substr($bytes, $page * 4096 + $at, 2) = pack 'v', 0xfff1 - $at;
        }
        seek $file, 0, 0;
        print $file $bytes or die;
    });
    for my $command (@commands[ $at % 8, 3 ]) {
        my ($code, $said) = run(@$command);
        like $code, qr/^[01]$/,
            "bytes $at of all pages are wrong: $command->[0] ends by itself"
            or diag $said;
    }
}

done_testing;
