#!/usr/bin/perl

# Fails memory allocations in a worker, one after the other, for each type of request:
# the client gets 500, 503 or a closed connection, the worker survives, the next request
# is answered, and no memory or descriptor leaks. The same is done while a worker starts.
# MDS_SOAK=SECONDS fails more calls.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use AllocFault;
use JSON::PP;
use List::Util qw(min);
use MDS;
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'a sanitizer allocates for itself'
    if $ENV{TEST_NGINX_PRELOAD};

my $SOAK  = $ENV{MDS_SOAK};
my $SHORT = 40;    # calls of a request, spread over all places
my $JSON  = JSON::PP->new->utf8->canonical;

my $t      = MDS->new;
my $alloc_fault = AllocFault->new($t->dir);
$t->{preload} = $alloc_fault->so;
$t->{env}     = { $alloc_fault->environment };

$t->depot;
$t->write('p1', 'package 1' x 100);
$t->write('p2', 'package 2' x 100);
$t->write('ids', join '', map { "u$_\n" } 1 .. 50);
$t->mdsctl('apply', $t->document({
    app   => 'a',
    poll  => { after_s => 60, jitter_s => 5 },
    lists => {
        staff => { file => 'ids' },
        qa    => { patterns => ['^qa-[0-9]+$'] },
    },
    packages => [
        (map { { kind => 'upgrade', platform => 'x', version => "$_",
                 file => "p$_" } } 1, 2),
        { kind => 'bundle', name => 'b', version => '1', file => 'p1' },
    ],
    releases => [
        { id => 'r', kind => 'upgrade', platform => 'x', version => '2',
          audience => { lists => [qw(staff qa)] } },
        { id => 'w', kind => 'bundle', name => 'b', version => '1',
          audience => { window => { count => 1_000_000,
                                    until => '2099-01-01T00:00:00Z' } } },
        (map { { id => "c$_", kind => 'config', name => "k$_", value => $_,
                 audience => { all => JSON::PP::true } } } 1 .. 3),
    ],
}));
$t->mdsctl(qw(message push a --to x=2 --until 2099-01-01T00:00:00Z --users),
    $t->dir . '/ids');
my ($file) = map { m{/([0-9a-f]{64})$} ? $1 : () }
    glob $t->depot_dir . '/files/*';

$t->start(<<'END');
mds_depot %DEPOT%;
request_pool_size 256;
connection_pool_size 256;
server {
    listen %LISTEN%;
    location = /check    { mds_check; }
    location = /config   { mds_config; }
    location = /messages { mds_messages; }
    location   /files/   { mds_files; }
    location   /page/    {
        mds_attribute app a;
        mds_attribute user $arg_who;
        mds_attribute platform x;
        mds_resource upgrade;
        return 200 "$mds_version $mds_release $mds_serial";
    }
}
END

# Memory that nginx or we ask for, and say so.
$t->allow(qr/Cannot allocate memory/, qr/mds: .*memory/);

my $number = 0;

sub post {
    my ($target, $body) = @_;
    return $t->raw("POST $target HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body");
}

my %deeds = (
    check    => sub { $t->get('/check?app=a&kind=upgrade&platform=x&version=1'
                        . '&user=u7') },
    pattern  => sub { $t->get('/check?app=a&kind=upgrade&platform=x&user=qa-1') },
    envelope => sub { $t->get('/check?app=a&kind=upgrade&platform=x&user=u7',
                        Accept => 'application/vnd.dsse.envelope.v1+json') },
    nothing  => sub { $t->get('/check?app=a&kind=none') },
    window   => sub { $t->get('/check?app=a&kind=bundle&name=b&device=d'
                        . $number++) },
    # Three devices that change, so that what is kept of them does not grow.
    device   => sub { $t->get('/check?app=a&kind=upgrade&platform=x&user=u7'
                        . '&version=1.' . $number . '&device=e'
                        . $number++ % 3) },
    batch    => sub { post('/check', $JSON->encode({ app => 'a', user => 'u7',
                        device => 'f' . $number++, platform => 'x',
                        resources => [ { kind => 'upgrade' },
                        { kind => 'bundle', name => 'b' } ] })) },
    config   => sub { $t->get('/config?app=a&device=d') },
    messages => sub { $t->get('/messages?app=a&user=u7') },
    marks    => sub { post('/messages', $JSON->encode({ app => 'a',
                        user => 'u' . $number++, read => [[1, 1]] })) },
    files    => sub { $t->get("/files/$file") },
    page     => sub { $t->get('/page/?who=u7') },
    wrong    => sub { $t->get('/check?app=a&app=b') },
    refused  => sub { $t->request('PUT', '/config?app=a') },
    too_long => sub { post('/check', ' ' x 70_000) },
    no_file  => sub { $t->get('/files/none') },
    switch   => sub { $t->mdsctl(qw(list add a other), 'g' . $number++);
                      $t->get('/check?app=a&kind=upgrade&platform=x&user=qa-1')
                    },
);

sub descriptors {
    my ($worker) = @_;
    return scalar(() = glob "/proc/$worker/fd/*");
}

# The least that the worker holds after a request: a client sees its connection
# closed before the worker has let go of what was the request's, and news of
# devices are kept a while. Goes on until it is no more than is wanted.
sub settled {
    my ($worker, $deed, $want) = @_;
    my @least;
    for (1 .. (defined $want ? 200 : 10)) {
        $alloc_fault->tell(pid => $worker);
        $deed->();
        $t->wait_until_asleep($worker) or die 'the worker does not rest';
        my @has = ($alloc_fault->live, descriptors($worker));
        @least = map { min(grep { defined } $least[$_], $has[$_]) } 0, 1;
        last if defined $want && !grep { $least[$_] > $want->[$_] } 0, 1;
    }
    return @least;
}

my ($worker) = $t->workers;

# The registry's log is open from the first device on.
$deeds{device}->();
$t->wait_for(sub { grep { (readlink($_) // '') =~ m{/devices/log-} }
    glob "/proc/$worker/fd/*" }) or die 'no log of devices';

for my $name (sort keys %deeds) {
    my $deed = $deeds{$name};
    my $end  = time + ($SOAK // 0) / keys %deeds;
    my (@wrong, %seen);

    $deed->() for 1 .. 3;
    my $status = $deed->()->status;
    my @places = $alloc_fault->places($worker, $deed);
    my $step   = $SOAK || @places < $SHORT ? 1 : @places / $SHORT;
    my @before = settled($worker, $deed);

    for (my $i = 0; $i < @places; $i += $step) {
        my $n    = $places[$i];
        my $to   = int($i) % 2 ? $n : 1 << 40;
        my $answer;
        my $failed = $alloc_fault->starve($worker, $n, $to, sub {
            $answer = $deed->();
        });
        $seen{ $answer->status }++;
        push @wrong, "call $n: " . $answer->status
            if $answer->status !~ /^(?:0|500|503|$status)$/;
        push @wrong, "call $n: it hangs" if $answer->{hangs};

        my $after = $deed->()->status;
        push @wrong, "call $n: then $after" if $after != $status;
        push @wrong, "call $n: another worker"
            if ($t->workers)[0] != $worker;
        last if @wrong > 5 || ($SOAK && time > $end);
    }

    is_deeply(\@wrong, [], "$name: " . @places . ' places: '
        . join ', ', map { "$seen{$_} x $_" } sort keys %seen);

    my @after = settled($worker, $deed, \@before);
    cmp_ok($after[0], '<=', $before[0], "$name: no memory is lost");
    cmp_ok($after[1], '<=', $before[1], '... and no descriptor');
}

# A worker begins: with its depot, or to open it a second later. A master that
# cannot read its configuration keeps the old one.
sub reload {
    my ($old) = $t->workers;
    my $lines = () = $t->error_log =~ /\[emerg\]/g;

    kill 'HUP', $t->{pid};
    $t->wait_for(sub {
        my @now = $t->workers;
        return @now == 1 && $now[0] != $old
            || $lines < (() = $t->error_log =~ /\[emerg\]/g);
    }) or die 'the master is gone';
}

{
    my @places = $alloc_fault->places(-1, \&reload, inside => 1);
    my $step   = $SOAK ? 1 : @places / 6;
    my $end    = $SOAK ? time + $SOAK / 4 : 9e9;
    my @wrong;

    for (my $i = 0; $i < @places && time < $end; $i += $step) {
        my $n = $places[$i];
        $alloc_fault->starve(-1, $n, int($i) % 2 ? $n : 1 << 40, \&reload,
            inside => 1);
        push @wrong, "call $n" if !$t->wait_for(sub {
            return $t->workers == 1 && $deeds{check}->()->status == 200;
        });
    }
    is_deeply(\@wrong, [], 'a worker begins: ' . @places . ' places');
}

$t->finish;
