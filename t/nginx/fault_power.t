# Replays power cuts: in every state that a disk may have after one, everything that was
# confirmed is there (admissions, read marks, changes of mdsctl), and every file is
# complete or absent. MDS_SOAK=SECONDS replays more of them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha512);
use File::Temp qw(tempdir);
use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Power;
use Test::More;
use Time::HiRes qw(sleep time);

my $SOAK  = $ENV{MDS_SOAK} // 0;
my $CUTS  = 150 + 40 * $SOAK;
my $LEAST = $SOAK ? 100 : 50;
my $END   = time + ($SOAK || 60);
my $JSON  = JSON::PP->new->utf8->canonical;
my $until = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 86_400));

# In memory where that can be: the cuts are played.
my ($memory) = grep { -d && -w } '/dev/shm';
my $dir = tempdir(CLEANUP => 1, defined $memory ? (DIR => $memory) : ());
chmod 0755, $dir;

my $power    = Power->new($dir);
my $asan     = $ENV{TEST_NGINX_PRELOAD} // '';
my $fault_probe = "$dir/fault_probe";
my $cc       = $ENV{CC} // 'cc';
system(split(/ /, $cc), qw(-std=gnu11 -O1), '-I', "$MDS::ROOT/lib",
    '-o', $fault_probe, "$FindBin::Bin/lib/fault_probe.c", "$MDS::BUILD/libmds.a",
    qw(-pthread -llmdb -lsodium -lzstd -lpcre2-8),
    length $asan ? '-fsanitize=address,undefined' : ()) == 0
    or die "$cc cannot compile the fault_probe";

my $t = MDS->new(workers => 2, preload => $power->{preload},
    env => { $power->env });
my $depot = $power->root . '/depot';

{
    no warnings 'redefine';
    *MDS::depot_dir = sub { $depot };
}
$t->mdsctl('keygen', "$t->{dir}/test");

# --- what happens

# What the depot is at a serial, as its loader says.
my %export;

sub exported {
    my ($of) = @_;
    my ($status, $out, $err) = $t->run({}, "$MDS::BUILD/mdsctl", '--depot', $of,
        'export', 'a');
    return $status == 0 || $err =~ /there is no app/ ? $out : "export: $err";
}

my $serial = 0;

sub recorded {
    my ($of, @words) = @_;
    my ($status, $out, $err) = $t->run({ $power->env,
        MDS_KEY => "$t->{dir}/test.key",
        LD_PRELOAD => join ' ', grep { length } $asan, $power->{preload} },
        "$MDS::BUILD/mdsctl", '--depot', $of, @words);
    die "mdsctl @words: $status $err" if $status != 0;
}

sub change {
    my (@words) = @_;
    recorded($depot, @words);
    $serial = unpack 'Q<', substr $t->read("$depot/CURRENT"), 8;
    $export{$serial} = exported($depot);
    $power->ack('serial', $serial);
}

sub noise { join '', map { sha512("$_[0]/$_") } 1 .. 100 }

$t->write("v$_", noise('all') x 3 . noise($_)) for 1 .. 4;
$t->write('ids', join '', map { "user-$_\n" } 1 .. 500);
$t->write('users', "u1\nu2\nu3\nu4\n");
my @publish = qw(--app a --kind upgrade --platform android --version);

change('init');
change('publish', "$t->{dir}/v$_", @publish, $_) for 1 .. 2;
change(qw(release a w --kind upgrade --platform android --version 2
    --window 100000 --until), $until);
change(qw(message push a --users), "$t->{dir}/users", '--to', 'android=1',
    '--until', $until) for 1 .. 3;

$t->start(<<'EOF2');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /check    { mds_check; }
    location = /messages { mds_messages; }
}
EOF2

# Devices and users, who say what they were told.
sub client {
    my ($name) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;

    for my $i (1 .. 1_000_000) {
        last if -e "$t->{dir}/stop";
        sleep 0.005;
        my $r = $t->get("/check?app=a&kind=upgrade&platform=android&version=1"
            . "&device=$name-$i");
        $power->ack('in', 'a', 'w', "$name-$i")
            if $r->status eq '200' && $r->json->{release} eq 'w';
        next if $i % 5;
        my $through = $i > 20 ? 1 : 0;
        my $body = $JSON->encode({ app => 'a', user => "u$name",
            $through ? (delete_through => 1) : (), read => [ 1 + $i / 5 % 3 ] });
        $r = $t->raw("POST /messages HTTP/1.1\r\nHost: a\r\nConnection: close"
            . "\r\nContent-Type: application/json\r\nContent-Length: "
            . length($body) . "\r\n\r\n$body");
        $power->ack('marked', 'a', "u$name", $through, 1 + $i / 5 % 3)
            if $r->status eq '204';
    }
    POSIX::_exit(0);
}

my @clients = map { client($_) } 1 .. 4;
change(qw(list import a l), "$t->{dir}/ids");
change(qw(list add a l one more));
change('publish', "$t->{dir}/v3", @publish, 3);
change(qw(release a all --kind upgrade --platform android --version 1 --all));
change(qw(gc));
change(qw(revert), $serial);
change(qw(message withdraw a 3));
change('snapshot', $power->root . '/snapshot');
change('publish', "$t->{dir}/v4", @publish, 4);

# The clients go on.
my $from = -s $power->{log};
$t->wait_for(sub { (() = $t->read($power->{log}, $from) =~ /^ack\tin\t/mg)
    >= ($SOAK > 20 ? 200 : 20) }) or die 'no client is answered';
$t->write('stop', '');
waitpid $_, 0 for @clients;
$t->stop;

# The snapshot becomes another depot.
my $snapshot = Digest::SHA::sha256_hex($t->read($power->root . '/snapshot'));
my $other = $power->root . '/other';
recorded($other, 'restore', $power->root . '/snapshot');
my $restored = exported($other);
$power->ack('restored');

# --- what is left of it

my @wrong;
my $played = 0;

# What is left of an init that was not told of is no obstacle for the next.
sub begin_again {
    my ($of) = @_;
    my ($status, $out, $err) = $t->run({}, "$MDS::BUILD/mdsctl", '--depot', $of,
        'init');
    return $status == 0 ? '' : "init: $err";
}

# The acknowledged ones that this disk lacks, and what else is wrong with it.
sub wrong_with {
    my ($of, $serial, $expected) = @_;
    my ($status, $out, $err) = $t->run({}, 'sh', '-c',
        "$fault_probe $of < $expected");
    my ($now, @lost) = split /\n/, $out;

    return "the library dies: $status $err" if $status != 0;
    return begin_again($of) if !defined $serial && $now =~ /^none/;
    return "no catalog: $now" if $now !~ /^\d+$/;
    return "serial $now is in force, $serial was said" if $now < $serial;
    return "lost: @lost[0 .. ($#lost > 2 ? 2 : $#lost)]" if @lost;

    my $export = exported($of);
    my ($at) = $export =~ /"serial": (\d+)/;
    $at //= 0;
    return "the journal is at $at, the depot at $now" if $at < $now;
    return "half a change at $at" if ($export{$at} // '') ne $export;

    ($status, $out, $err) = $t->run({}, "$MDS::BUILD/mdsctl", '--depot', $of,
        'verify');
    return "verify: $out$err" if $status != 0;

    ($status, $out, $err) = $t->run({}, "$MDS::BUILD/mdsctl", '--depot', $of,
        qw(list add b probe --new-app u)) if $played % 4 == 0;
    return $status == 0 ? '' : "nothing can be changed: $err";
}

sub wrong_with_restored {
    my ($image) = @_;
    return 'the snapshot is lost' if Digest::SHA::sha256_hex(
        $t->read("$image/snapshot")) ne $snapshot;
    return exported("$image/other") eq $restored ? ''
        : 'what was restored is lost';
}

my $records = $power->play($CUTS, sub {
    my ($image, $where, $acks) = @_;
    return if @wrong > 3 || ($played > $LEAST && time > $END);

    my ($told) = map { $_->[1] } grep { $_->[0] eq 'serial' } reverse @$acks;
    my $expected = $t->write('expected', join '', map { join("\t", @$_) . "\n" }
        grep { $_->[0] =~ /^(?:in|marked)$/ } @$acks);
    my $wrong = wrong_with("$image/depot", $told, $expected);
    $wrong ||= wrong_with_restored($image)
        if grep { $_->[0] eq 'restored' } @$acks;

    $played++;
    push @wrong, "$where: $wrong" if $wrong ne '';
});

is_deeply \@wrong, [], "$played cuts in a record of $records";
cmp_ok $played, '>', $LEAST, 'that is many';
my @acks = map { $_->[0] } @{ $power->{acks} };
cmp_ok scalar(grep { $_ eq 'in' } @acks), '>', 50, 'devices were let in';
cmp_ok scalar(grep { $_ eq 'marked' } @acks), '>', 10, 'messages were marked';

# An init alone, which is short.
mkdir "$dir/init";
my $init = Power->new("$dir/init");
{
    my ($status, $out, $err) = $t->run({ $init->env,
        LD_PRELOAD => join ' ', grep { length } $asan, $init->{preload} },
        "$MDS::BUILD/mdsctl", '--depot', $init->root . '/depot', 'init');
    @wrong = $status == 0 ? () : $err;
}
$init->play(50 + 10 * $SOAK, sub {
    my ($image, $where) = @_;
    my $wrong = -e "$image/depot/CURRENT" ? '' : begin_again("$image/depot");
    push @wrong, "$where: $wrong" if $wrong ne '';
});
is_deeply \@wrong, [], 'init: done, or it can be done again';

$t->finish;
