# Messages while things die: mdsctl pushes, devices pull and mark at either of two
# nginx on one depot, workers and whole instances are killed in between. What was
# answered 204 is there for good, nothing is there twice, and no id is missing.
# MDS_SOAK=SECONDS for more.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(sleep time);

my $KILLS = 5 * ($ENV{MDS_SOAK} // 5);
my $USERS = 3;
my $JSON  = JSON::PP->new->utf8->canonical;
my $t     = MDS->new(workers => 2);
my $u     = MDS->new(workers => 2);
$t->depot;
$t->write('p', 'package');
$t->mdsctl('publish', "$t->{dir}/p", qw(--app s --kind upgrade --platform
    android --version 1.0));
my $ONCE  = 40 * $KILLS;    # users of a marker who marks once for each
my $users = $t->write('users.txt', join '', map { "$_\n" }
    (map { "u$_" } 0 .. $USERS), (map { "k$_" } 1 .. 6),
    (map { my $m = $_; map { "once$m-$_" } 1 .. $ONCE } 1 .. 3));
my $until = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 86_400));

sub push_one {
    return $t->mdsctl_any(qw(message push s --to android=1.0 --users), $users,
        '--until', $until);
}

(push_one())[0] == 0 or die 'push' for 1 .. 3;
$t->allow(qr/exited on signal 9/);
$_->start(<<"EOF2") for $t, $u;
mds_depot @{[ $t->depot_dir ]};
server { listen %LISTEN%; location = /m { mds_messages; } }
EOF2

sub either { rand > 0.5 ? $t : $u }

sub list {
    my ($user, $edge) = @_;
    my $r = ($edge // either())->get("/m?app=s&user=$user&n=1000");
    return $r->status eq '200' ? $r->json->{messages} : undef;
}

sub post {
    my ($user, %marks) = @_;
    my $body = $JSON->encode({ app => 's', user => $user, %marks });
    return either()->raw("POST /m HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body")->status;
}

sub processes { map { $_->stopped_processes } @_ }

# Those, and then up again.
sub kill_all {
    my ($pids, @edges) = @_;
    kill 'KILL', @$pids;
    for (@edges) {
        waitpid $_->{pid}, 0;
        $_->wait_for(sub { !$_->connect }) or die 'somebody listens still';
        unlink "$_->{dir}/nginx.pid";
        $_->spawn;
    }
    for (@edges) {
        $_->wait_until_up or die 'nginx does not come up';
    }
}

# What a user's list comes to: 2r 3.
sub shown {
    my ($list) = @_;
    return join ' ', map { $_->{id} . ($_->{read} ? 'r' : '') } @$list;
}

# --- killed right after the 204

for my $round (1 .. 6) {
    my @pids = processes($t, $u);
    my $said = post("k$round", read => [2], delete_through => 1);
    kill_all(\@pids, $t, $u);
    is($said, 204, "round $round: marked, and everything killed");
    is(shown(list("k$round", $_)), '2r 3', '... it is kept') for $t, $u;
}

# --- many things at once

# Runs in a process of its own until it is told to stop; what it prints.
sub apart {
    my ($name, $code) = @_;
    my $pid = fork // die "fork: $!";
    return { pid => $pid, file => "$t->{dir}/apart.$name" } if $pid;

    my $go = 1;
    $SIG{TERM} = sub { $go = 0 };
    open my $out, '>', "$t->{dir}/apart.$name" or POSIX::_exit(1);
    $out->autoflush(1);
    eval { $code->($out) while $go };
    print $out "died: $@" if $@;
    POSIX::_exit(0);
}

sub ended {
    my ($apart) = @_;
    kill 'TERM', $apart->{pid};
    waitpid $apart->{pid}, 0;
    return split /\n/, $t->read($apart->{file});
}

# mdsctl writes what it says to files of its own here.
sub pusher {
    my ($name) = @_;
    return apart($name, sub {
        my ($out) = @_;
        local $ENV{MDS_KEY} = "$t->{dir}/test.key";
        my $said = `'$MDS::BUILD/mdsctl' --depot $t->{dir}/depot message push s \\
            --to android=1.0 --users $users --until $until 2>&1`;
        print $out $? == 0 && $said =~ /^  \+ message (\d+)$/m
            ? "$1\n" : "failed: $said\n";
        sleep 0.05;
    });
}

# Marks ids of the list at random, and notes what was answered 204.
sub marker {
    my ($name, $user) = @_;
    srand($$);
    return apart($name, sub {
        my ($out) = @_;
        my $list = list($user) // return;
        my @ids = map { $_->{id} } @$list or return;
        my $id = $ids[ rand @ids ];
        my %mark = (read => [$id]);
        %mark = (delete_through => $ids[0], read => [$id]) if rand > 0.9;
        my $said = post($user, %mark);
        print $out "read $id\n" if $said eq '204';
        print $out "deleted $mark{delete_through}\n"
            if $said eq '204' && $mark{delete_through};
    });
}

# One mark for each of many users: what is lost is not made good by the next.
sub once {
    my ($name) = @_;
    my $i = 0;
    return apart($name, sub {
        my ($out) = @_;
        return sleep 0.1 if $i == $ONCE;
        my $user = "$name-" . ++$i;
        my $said = post($user, read => [2], delete_through => 1);
        print $out "$user\n" if $said eq '204';
    });
}

# Lists only grow, at the end, and shrink at the start.
sub puller {
    return apart('puller', sub {
        my ($out) = @_;
        my $list = list("u$USERS") // return;
        print $out join(' ', map { $_->{id} } @$list), "\n";
    });
}

my @pushers = map { pusher("push$_") } 1, 2;
my @markers = map { my $u = $_; map { [ "u$u", marker("mark$u$_", "u$u") ] }
    1, 2 } 1 .. $USERS - 1;
my @once   = map { once("once$_") } 1 .. 3;
my $puller = puller();
my $killed = 0;
for my $i (1 .. $KILLS) {
    sleep 0.05 + rand 0.15;
    my $who = either();
    my @pids = $i % 6 == 0 ? processes($who) : ($who->workers)[0];
    $killed += @pids;
    $i % 6 == 0 ? kill_all(\@pids, $who) : kill 'KILL', @pids;
}

# Different lines that they have printed so far.
sub said {
    my $lines = 0;
    for my $apart (@_) {
        my %different = map { $_ => 1 } split /\n/, $t->read($apart->{file});
        $lines += keys %different;
    }
    return $lines;
}

ok($t->wait_for(sub { said(@once) > $KILLS && said(map { $_->[1] } @markers) > 40 }),
    'marks go on all the time');
my @pulls = ended($puller);
my (%read, %deleted);
for (@markers) {
    my ($user, $apart) = @$_;
    for (ended($apart)) {
        $read{$user}{$1} = 1 if /^read (\d+)$/;
        $deleted{$user} = $1 if /^deleted (\d+)$/ && $1 > ($deleted{$user} // 0);
        fail($_) if /died/;
    }
}
my @once_said = map { ended($_) } @once;
my @pushed    = map { ended($_) } @pushers;
$_->wait_until_up for $t, $u;
cmp_ok($killed, '>=', $KILLS * 0.7, "$killed processes killed");

is(join(' ', grep { !/^\d+$/ } @pushed), '', 'no push has failed');
my @want = (1 .. 3 + @pushed);
is(join(' ', sort { $a <=> $b } @pushed), join(' ', @want[3 .. $#want]),
    scalar(@pushed) . ' pushes, each with an id of its own, one by one');
is(join(' ', map { $_->{id} } @{ list("u$USERS", $_) }), "@want",
    'one who has done nothing has them all') for $t, $u;

my $before = 0;
my $wrong  = 0;
for (@pulls) {
    my @ids = split ' ';
    $wrong++ if "@ids" ne join(' ', 1 .. @ids) || @ids < $before;
    $before = @ids;
}
is($wrong, 0, scalar(@pulls) . ' pulls meanwhile: none wrong, none shorter');

my $marks = 0;
for my $user (sort keys %read) {
    my %now = map { $_->{id} => $_->{read} } @{ list($user) };

    # More may be deleted than was answered: an answer can get lost.
    my ($first) = sort { $a <=> $b } keys %now;
    my @lost = grep { $_ >= $first && !$now{$_} } sort keys %{ $read{$user} };
    is("@lost", '', "$user: what was answered to be read is read");
    cmp_ok($first, '>', $deleted{$user} // 0, '... what was deleted is');
    is(join(' ', sort { $a <=> $b } keys %now), join(' ', $first .. $want[-1]),
        '... and nothing else');
    $marks += keys %{ $read{$user} };
}
cmp_ok($marks, '>', 10, "$marks ids were marked");

my @lost = grep { shown(list($_)) !~ /^2r 3\b/ } @once_said;
is("@lost[0 .. ($#lost < 5 ? $#lost : 5)]", '',
    scalar(@once_said) . ' users who marked once: all is kept');
cmp_ok(scalar(@once_said), '>', $KILLS, '... many');
is($t->mdsctl('verify') =~ /no problems/ ? 1 : 0, 1, 'the depot is whole');

note("$killed processes killed, ", $marks + @once_said, ' marks, ',
    scalar(@pulls), ' pulls');
$_->stop for $u;
unlike($u->error_log, qr/\[(?:emerg|crit)\]/, 'the other log is clean');
$t->finish;
