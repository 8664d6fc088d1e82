# Files of the catalog that are written over, here and there, while they are
# served under load: no worker dies, every answer is right or 503, and within
# a second or so all is well again. A worker looks at the files once in a
# millisecond: what was decided within that one may be wrong, and nothing else.
# The state likewise: what needs it is 503 until it is restored, all else goes
# on.
#
# MDS_SOAK: seconds; more of the same.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use Test::More;
use Time::HiRes qw(sleep time);

my $SECONDS = $ENV{MDS_SOAK} // 5;

my $t = MDS->new(workers => 2, looks => 1);
$t->depot;
$t->write('app.bin', 'package');
$t->write('staff.txt', join '', map { "user$_\n" } 1 .. 20_000);
$t->mdsctl('apply', $t->document({
    app      => 'a',
    lists    => { staff => { file => 'staff.txt' } },
    packages => [ map { { kind => 'bundle', name => "n$_", version => '1',
                          file => 'app.bin' } } 1 .. 60 ],
    releases => [
        (map { { id => "r$_", kind => 'bundle', name => "n$_", version => '1',
                 audience => { lists => ['staff'] } } } 1 .. 59),
        { id => 'w', kind => 'bundle', name => 'n60', version => '1',
          audience => { window => { count => 1000 } } },
    ],
}));
$t->start(<<'EOF2');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /check { mds_check; }
}
EOF2

sub ask {
    my ($name, $user) = @_;
    return $t->get("/check?app=a&kind=bundle&name=$name&user=$user"
            . "&device=$user");
}

my @names   = map { "n$_" } 1 .. 59;
my %answer  = map { $_ => ask($_, 'user7')->body } @names;
my @workers = sort { $a <=> $b } $t->workers;
ok(!(grep { !length } values %answer), 'in the beginning all is well');

sub put {
    my ($file, $at, $bytes) = @_;

    chmod 0644, $file;
    open my $out, '+<:raw', $file or die "$file: $!";
    seek $out, $at, 0;
    print $out $bytes;
    close $out or die "$file: $!";
}

# Times of writing; and of answers that are neither right nor 503.
my @writing;

sub is_excused {
    my ($from, $to) = @_;
    return grep { $from <= $_->[1] + 0.002 && $to >= $_->[0] } @writing;
}

# Somebody who asks all the time.
sub load {
    my $pid = fork // die "fork: $!";
    return $pid if $pid;

    my %seen;
    while (!-e "$t->{dir}/stop") {
        my $name  = $names[rand @names];
        my $in    = int rand 2;
        my $from  = time;
        my $r     = ask($name, $in ? 'user' . (1 + int rand 20_000) : 'nobody');
        my $right = $in ? $r->body eq $answer{$name} : $r->status == 204;

        $seen{ $right ? 'right' : $r->status == 503 ? '503'
            : sprintf 'wrong %.6f %.6f %s', $from, time, $r->status }++;
    }
    $t->write("seen.$$", join '', map { "$seen{$_} $_\n" } sort keys %seen);
    POSIX::_exit(0);
}

my ($generation) = glob $t->depot_dir . '/catalog/1.mdb';
my ($list)       = glob $t->depot_dir . '/lists/*.mdb';
my @load         = map { load() } 1 .. 2;
my $until        = time + $SECONDS;
my ($damages, $mended) = (0, 0);

while (time < $until) {
    my $file  = rand() < 0.7 ? $generation : $list;
    my $whole = $t->read($file);
    my $bad   = $whole;

    # Zeros, ones, a bit, another page; the pages of its trees among them.
    for (1 .. 1 + rand 8) {
        my $at = int rand length $bad;
        my $kind = int rand 4;
        if ($kind == 2) {
            substr($bad, $at, 1) ^= chr(1 << rand 8);
            next;
        }
        my $len = 1 + int rand 4096;
        $len = length($bad) - $at if $at + $len > length $bad;
        substr($bad, $at, $len) = $kind == 3
            ? substr $whole, int(rand(length($whole) - $len)), $len
            : chr($kind ? 255 : 0) x $len;
    }

    my $begun = time;
    put($file, 0, $bad);
    push @writing, [ $begun, time ];
    sleep rand 0.3;
    put($file, 0, $whole);
    chmod 0444, $file;
    $damages++;

    $mended++ if $t->wait_for(sub { ask('n1', 'user7')->status == 200
        && ask('n2', 'user7')->status == 200 });
}

$t->write('stop', '');
waitpid $_, 0 for @load;
my $seen  = join '', map { $t->read("seen.$_") } @load;
my @wrong = $seen =~ /wrong (.*)/g;
is_deeply([ grep { !is_excused(split) } @wrong ], [],
    "$damages times written over: right, or 503");
note(scalar @wrong, ' wrong while it was being written');
like($seen, qr/ right$/m, '... and some were right');
like($seen, qr/ 503$/m, '... and some 503');
is($mended, $damages, 'mended each time');
is_deeply([ sort { $a <=> $b } $t->workers ], \@workers, 'no worker died');

# The state.
is(ask('n60', "d$_")->status, 200, 'a window lets in') for 1 .. 40;
$t->mdsctl('snapshot', "$t->{dir}/snapshot");

my $state = $t->depot_dir . '/state/data.mdb';
my $size  = -s $state;
my %bad   = (
    zeros   => sub { put($state, 0, "\0" x $size) },
    ones    => sub { put($state, 0, "\xff" x $size) },
    garbage => sub { put($state, 0, join '', map { chr rand 256 } 1 .. $size) },
    pages   => sub { put($state, 8192, "\xa5" x ($size - 8192)) },
    cut     => sub { truncate $state, 8192 or die "$state: $!" },
    emptied => sub { truncate $state, 0 or die "$state: $!" },
);

for my $how (sort keys %bad) {
    $bad{$how}->();

    # The first to come upon it may be the one that finds it.
    ask('n60', 'stranger') for 1 .. 8;
    $t->wait_until_looked or die 'a worker is stuck';

    my @window = map { ask('n60', "d$_")->status } 1 .. 10;
    my @all    = map { ask('n1', 'user7')->body eq $answer{n1} } 1 .. 20;
    is_deeply(\@window, [ (503) x 10 ], "state, $how: windows are 503");
    is_deeply(\@all, [ (1) x 20 ], '... all else goes on');
    is_deeply([ sort { $a <=> $b } $t->workers ], \@workers,
        '... no worker died');

    $t->mdsctl('restore', '--force', "$t->{dir}/snapshot");
    ok($t->wait_for(sub { ask('n60', 'd1')->status == 200 }),
        '... restored: who was in is in');
    ok($t->wait_for(sub { ask('n60', "new-$how")->status == 200 }),
        '... and others come in');
}

# LMDB's table of readers, which workers write, each second as well. If only one
# process has it, LMDB makes it anew; otherwise it has to be removed.
my $lock = $t->depot_dir . '/state/lock.mdb';

for my $count (2, 1) {
    for my $bytes (0, 4096) {
        $t->stop;
        @$t{qw(workers)} = $count;
        $t->start($t->{http});
        ok($t->wait_for(sub { ask('n60', "d$count$bytes")->status == 200 }),
            "$count workers: in the beginning all is well");
        ask('n60', "new-$count$bytes-$_") for 1 .. 8;
        @workers = sort { $a <=> $b } $t->workers;

        truncate $lock, $bytes or die "$lock: $!";
        ask('n60', 'stranger') for 1 .. 4;
        $t->wait_until_looked or die 'a worker is stuck';
        $t->wait_until_looked or die 'a worker is stuck';
        is_deeply([ map { ask('n1', 'user7')->body eq $answer{n1} } 1 .. 20 ],
            [ (1) x 20 ], "lock.mdb, $bytes bytes: all else goes on");
        is_deeply([ sort { $a <=> $b } $t->workers ], \@workers,
            '... no worker died');

        unlink $lock if $bytes > 0 || $count > 1;
        ok($t->wait_for(sub { ask('n60', "d$_")->status == 200 }),
            '... windows open again') for 1 .. 8;
        is_deeply([ sort { $a <=> $b } $t->workers ], \@workers,
            '... in the same workers');
    }
}

$t->stop;
unlike($t->error_log, qr/exited on signal/, 'no worker died of it');
$t->finish;
