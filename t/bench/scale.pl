#!/usr/bin/perl

# A large catalog: what apply and one small change take, how large a generation
# is, what the first request after a change costs, and how many checks a second
# are answered beside `return 200`.
#
#   t/bench/scale.pl [RELEASES [RESOURCES [IDS [SECONDS]]]]
#
# The default is 100000 10000 10000000 3; SECONDS are of each load, 0: none.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../nginx/lib";
use MDS;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

my $RELEASES  = $ARGV[0] // 100_000;
my $RESOURCES = $ARGV[1] // 10_000;
my $IDS       = $ARGV[2] // 10_000_000;
my $SECONDS   = $ARGV[3] // 3;

my $t = MDS->new(workers => 1);
$t->depot;

# Runs mdsctl, and looks at its memory all the while.
sub measured {
    my ($title, @words) = @_;

    my ($begun, $kib, $cpu) = (time, 0, cpu());
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        $ENV{MDS_KEY} = "$t->{dir}/test.key";
        exec "$MDS::BUILD/mdsctl", '--depot', $t->depot_dir, @words
            or POSIX::_exit(127);
    }

    while (waitpid($pid, WNOHANG) == 0) {
        $kib = $1 if $t->read("/proc/$pid/status") =~ /^VmHWM:\s+(\d+)/m;
        sleep 0.002;
    }
    die "$title: exit " . ($? >> 8) if $? != 0;
    printf "%-34s %9.2f s  %6.2f s of CPU %6d MiB\n", $title, time - $begun,
        cpu() - $cpu, $kib / 1024;
}

# Of children that have ended.
sub cpu { my @times = times; return $times[2] + $times[3] }

sub generation {
    my ($last) = sort { -s $b <=> -s $a } glob $t->depot_dir . '/catalog/*.mdb';
    printf "%-34s %9.1f MiB\n", 'the generation', (-s $last) / 1048576;
}

sub request {
    my ($title, $target) = @_;
    my $begun  = time;
    my $status = $t->get($target)->status;
    printf "%-34s %9.2f ms (%d)\n", $title, (time - $begun) * 1000, $status;
}

sub load {
    my ($title, $target, @script) = @_;
    return if $SECONDS == 0;
    my (undef, $out) = $t->run({}, 'wrk', '-t1', '-c32', "-d${SECONDS}s",
        '--latency', @script, $t->url($target));
    my ($rate) = $out =~ m{Requests/sec:\s+(\S+)};
    my ($p99)  = $out =~ /99%\s+(\S+)/;
    printf "%-34s %9.0f /s p99 %s%s\n", $title, $rate // 0, $p99 // '?',
        $out =~ /Non-2xx/ ? '  (errors)' : '';
}

# --- the document

sub audience {
    my ($n, $nth) = @_;
    return '{"all":true}'     if $nth == 0;
    return '{"lists":["big"]}' if $nth % 10 == 1;
    return sprintf '{"percent":%d}', ($n + $nth) % 100;
}

$t->write("b$_", "package $_") for 1, 2;
open my $ids, '>', "$t->{dir}/ids" or die $!;
print $ids "user-$_\n" for 1 .. $IDS;
close $ids or die $!;

open my $doc, '>', "$t->{dir}/doc.json" or die $!;
print $doc '{"app":"big","lists":{"big":{"file":"ids"}},"packages":[';
for my $n (0 .. $RESOURCES - 1) {
    print $doc $n > 0 ? ',' : '', join ',', map { qq({"kind":"bundle",)
        . qq("name":"r$n","version":"$_.0","file":"b$_","deltas":0}) } 1, 2;
}
print $doc '],"releases":[';
for my $i (0 .. $RELEASES - 1) {
    my ($n, $nth) = ($i % $RESOURCES, int $i / $RESOURCES);
    my $version  = $nth == 0 ? '1.0' : '2.0';
    my $audience = audience($n, $nth);
    print $doc $i > 0 ? ',' : '', qq({"id":"rel-$i","kind":"bundle","name":)
        . qq("r$n","version":"$version","audience":$audience,"rules":[{)
        . qq("attribute":"brand","op":"in","values":["Xiaomi","b$nth"]}]});
}
print $doc ']}';
close $doc or die $!;

printf "%d releases over %d resources, %d ids, %.1f MiB of document\n",
    $RELEASES, $RESOURCES, $IDS, (-s "$t->{dir}/doc.json") / 1048576;

# --- the loader

measured('apply', 'apply', "$t->{dir}/doc.json");
generation();
measured('apply, the same again', 'apply', "$t->{dir}/doc.json");

# --- the edge

$t->start(<<'END');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    keepalive_requests 1000000;
    location = /check { mds_check; }
    location = /fixed { return 200 "............................................"; }
}
END

my $check = '/check?app=big&kind=bundle&version=1.0&brand=Xiaomi&user=user-7'
    . '&device=d&name=r';
request('first request',       "${check}1");
request('second',              "${check}1");
request('of another resource', "${check}2");
measured('pause', 'pause', 'big', 'rel-1');
generation();
request('first request after it', "${check}1");
measured('list add', 'list', 'add', 'big', 'big', 'somebody');
request('first request after it', "${check}1");
measured('explain', qw(explain app=big kind=bundle name=r1 user=user-7));

my $script = $t->write('any.lua', <<"END");
request = function()
    return wrk.format("GET", "$check" .. math.random(0, $RESOURCES - 1))
end
END
load('return 200',             '/fixed');
load('checks of one resource', "${check}1");
load('checks of any',          '/', '-s', $script);

$t->stop;
