# mdsctl check --watch against a real edge: it is told of a change, installs,
# and comes back after a reload.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use MDS;
use Test::More;

my $t = MDS->new(workers => 1);
my $all = { all => JSON::PP::true };
my %document = (app => 'shop',
    packages => [ map { { kind => 'upgrade', platform => 'p', version => "$_.0", file => "p$_" } } 1 .. 3 ],
    releases => [ { id => 'r1', kind => 'upgrade', platform => 'p', version => '1.0', audience => $all } ]);

sub apply {
    my ($n) = @_;
    push @{ $document{releases} }, { id => "r$n", kind => 'upgrade', platform => 'p', version => "$n.0", audience => $all } if $n;
    $t->mdsctl('apply', $t->document(\%document));
}

$t->depot;
$t->write("p$_", "package $_") for 1 .. 3;
apply();
$t->start(<<'END');
mds_depot %DEPOT%;
mds_watch_ping 200ms;
mds_watch_retry 200ms;
server {
    listen %LISTEN%;
    location = /mds/v1/check  { mds_check; }
    location = /mds/v1/watch  { mds_watch; }
    location   /mds/v1/files/ { mds_files; }
}
END

my $out = "$t->{dir}/out";
my $pid = fork // die "fork: $!";
if ($pid == 0) {
    open STDOUT, '>', $out;
    exec { "$MDS::BUILD/mdsctl" } 'mdsctl', '--json', 'check', $t->url('/mds/v1/'),
        '--pub', "$t->{dir}/test.pub", '--watch', '--out', "$t->{dir}/new",
        qw(app=shop kind=upgrade platform=p version=1.0 device=d);
}
END { local $?; kill 'KILL', $pid if $pid }

sub events { map { decode_json($_) } -e $out ? split /\n/, $t->read('out') : () }
sub last_is {
    my ($name, %with) = @_;
    return $t->wait_for(sub {
        my ($last) = (events())[-1];
        return 0 if !$last || $last->{event} ne $name;
        return !grep { ($last->{$_} // '') ne $with{$_} } keys %with;
    });
}

ok(last_is('check', action => 'none'), 'it checks once it is connected');
apply(2);
ok($t->wait_for(sub { -e "$t->{dir}/new" }) && last_is('check', action => 'none'), 'a change is told, and installed');
is($t->read('new'), 'package 2', '... the package');
is((grep { ($_->{action} // '') eq 'install' } events())[0]{version}, '2.0', '... which it says');

my $opened = grep { $_->{event} eq 'open' } events();
$t->reload;
ok($t->wait_for(sub { (grep { $_->{event} eq 'open' } events()) > $opened }), 'after a reload it comes back');
ok(last_is('check', action => 'none'), '... and checks');
apply(3);
ok($t->wait_for(sub { -e "$t->{dir}/new" && $t->read('new') eq 'package 3' }), '... and is told by the new worker');

kill 'TERM', $pid;
waitpid $pid, 0;
is($?, 0, 'SIGTERM ends it');
$pid = 0;

$t->finish;
