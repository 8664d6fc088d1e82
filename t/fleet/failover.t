#!/usr/bin/perl

# The server dies with its disk, and a synchronous standby takes its place, while
# devices ask and users mark: edges find it by an address of two hosts, nobody
# too many comes in, nobody who was told yes is lost, no mark is lost.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib", "$FindBin::Bin/../nginx/lib";
use List::Util qw(shuffle);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Fleet;
use Postgres;

plan skip_all => 'PostgreSQL is not installed (make deps-test)' if !Postgres::is_installed();

my ($limit, $devices, $clients) = (200, 500, 2);
my $fleet = Fleet->new(edges => 2, workers => 1);
my @edges = @{ $fleet->{edges} };
my $first = $fleet->{pg};
my $second = $first->standby;
$fleet->{uri} = sub { "postgresql://mds\@/postgres?host=$first->{dir},$second->{dir}"
    . '&target_session_attrs=read-write' };

my %on = (kind => 'upgrade', platform => 'p');
$fleet->apply({
    app => 'a',
    packages => [ map { { %on, version => "$_", file => 'file' } } 1 .. 3 ],
    releases => [ { id => 'w', %on, version => '3',
        audience => { window => { count => $limit, until => '2096-12-01T00:00:00Z' } } } ],
});
my $origin = $fleet->{origin};
$origin->write('users', "user\n");
$origin->mdsctl(qw(message push a --until 7d --users), "$origin->{dir}/users", map { ('--to', "p=$_") } 1 .. 3);
$fleet->start;

sub check {
    my ($edge, $device) = @_;
    return $edge->get("/check?app=a&kind=upgrade&platform=p&version=1&device=$device");
}

# Asks for a share of the devices, on any edge, until each has been told yes, or
# that the window is full.
my $dir = $fleet->{dir};
sub client {
    my ($n) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid != 0;
    srand $n;
    my @open = map { "device-$_" } grep { $_ % $clients == $n } 1 .. $devices;
    open my $yes, '>>', "$dir/yes.$n";
    $yes->autoflush;
    for (my $end = time + 600; @open && time < $end; sleep 0.02) {
        my @again;
        for my $device (shuffle @open) {
            my $r = check($edges[rand @edges], $device);
            print $yes "$device\n" if $r->status == 200;
            push @again, $device
                if $r->status != 200 && ($r->header('Reason') // '') ne 'outside';
        }
        @open = @again;
    }
    POSIX::_exit(@open ? 1 : 0);
}

is $fleet->mark($edges[0], 'user', read => [1])->status, 204, 'a mark';
my @pids = map { client($_) } 0 .. $clients - 1;
my $admitted = sub { $fleet->{pg}->sql('select coalesce(sum(admitted), 0) from mds.windows') };
$fleet->wait_for(sub { $admitted->() >= $limit / 4 });
$first->kill9;
is $fleet->mark($edges[1], 'user', read => [2])->status, 204, 'a mark while there is no server';
ok $fleet->wait_for(sub { my $r = check($edges[0], 'somebody');
    ($r->header('Reason') // '') =~ /^(?:window_unknown|outside)$/ }), '... and checks are answered';
$second->promote;
$fleet->{pg} = $second;
for my $pid (@pids) {
    waitpid $pid, 0;
    is $?, 0, 'each device of a client has been told yes or no';
}

my %yes = map { $_ => 1 } map { split /\n/, Fleet::read_file("$dir/yes.$_") } 0 .. $clients - 1;
is $admitted->(), $limit, "the standby has let in as many as may be: $limit of $devices";
is scalar(keys %yes), $limit, '... and so many were told so';
is $second->sql('select count(*) from mds.admissions where id in ('
    . join(',', map { "'$_'" } sort keys %yes) . ')'), $limit, '... the same ones';
ok $fleet->caught_up, 'every edge has heard of all';
for my $edge (@edges) {
    is scalar(grep { check($edge, $_)->status != 200 } (shuffle keys %yes)[0 .. 19]), 0,
        'who was told yes is in on this edge';
    ok $fleet->wait_for(sub {
        my $r = $edge->get('/messages?app=a&user=user');
        join(' ', map { $_->{read} ? "$_->{id} read" : $_->{id} } @{ $r->json->{messages} })
            eq '1 read 2 read 3';
    }), '... and has both marks';
}

$_->finish_edge for @edges;
done_testing;
