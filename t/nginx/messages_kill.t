# Messages while things die: mdsctl pushes, devices pull and mark, workers and
# whole instances are killed in between. What was answered 204 is there for
# good, nothing is there twice, and no id is missing. MDS_KILLS=N for more.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(sleep time);

my $KILLS = $ENV{MDS_KILLS} // 24;
my $USERS = 3;
my $JSON  = JSON::PP->new->utf8->canonical;
my $t     = MDS->new(workers => 3);
$t->depot;
$t->write('p', 'package');
$t->mdsctl('publish', "$t->{dir}/p", qw(--app s --kind upgrade --platform
    android --version 1.0));
my $users = $t->write('users.txt', join '', map { "u$_\n" } 0 .. $USERS);
my $until = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 86_400));

sub push_one {
    return $t->mdsctl_any(qw(message push s --to android=1.0 --users), $users,
        '--until', $until);
}

(push_one())[0] == 0 or die 'push' for 1 .. 3;
$t->allow(qr/exited on signal 9/);
$t->start(<<'EOF2');
mds_depot %DEPOT%;
server { listen %LISTEN%; location = /m { mds_messages; } }
EOF2

sub list {
    my ($user) = @_;
    my $r = $t->get("/m?app=s&user=$user&n=1000");
    return $r->status eq '200' ? $r->json->{messages} : undef;
}

sub post {
    my ($user, %marks) = @_;
    my $body = $JSON->encode({ app => 's', user => $user, %marks });
    return $t->raw("POST /m HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body")->status;
}

sub kill_all {
    my $pid = delete $t->{pid};
    my @all = do { local $t->{pid} = $pid; $t->workers };
    kill 'KILL', $pid, @all;
    waitpid $pid, 0;
    $t->wait_for(sub { !$t->connect }) or die 'somebody listens still';
    unlink "$t->{dir}/nginx.pid";
    $t->spawn;
    $t->wait_until_up or die 'nginx does not come up';
}

# --- killed right after the 204

for my $round (1 .. 6) {
    my $user = "r$round";
    my $said = post($user, read => [ 1 + $round % 3 ], delete_through => 1);
    kill_all();
    is($said, 204, "round $round: marked, and everything killed");
    is(post($user, read => [3]), 204, '... it goes on');
    my $marks = $t->mdsctl('--json', 'message', 'list', 's', $user);
    is($marks, "[]\n", '... a stranger has no list');
}
is(post('u0', read => [2], delete_through => 1), 204, 'marked');
kill_all();
is(join(' ', map { $_->{id} . ($_->{read} ? 'r' : '') } @{ list('u0') }),
    '2r 3', '... and kept, though everything was killed at once');

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
        my $said = `$MDS::BUILD/mdsctl --depot $t->{dir}/depot message push s \\
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
my $puller = puller();
my $killed = 0;
for my $i (1 .. $KILLS) {
    sleep 0.05 + rand 0.15;
    if ($i % 6 == 0) { kill_all(); $killed += 4; next }
    my @workers = $t->workers or next;
    $killed += kill 'KILL', $workers[ rand @workers ];
}

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
my @pushed = map { ended($_) } @pushers;
$t->wait_until_up;
cmp_ok($killed, '>=', $KILLS * 0.7, "$killed processes killed");

is(join(' ', grep { !/^\d+$/ } @pushed), '', 'no push has failed');
my @want = (1 .. 3 + @pushed);
is(join(' ', sort { $a <=> $b } @pushed), join(' ', @want[3 .. $#want]),
    scalar(@pushed) . ' pushes, each with an id of its own, one by one');
is(join(' ', map { $_->{id} } @{ list("u$USERS") }), "@want",
    'one who has done nothing has them all');

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
is($t->mdsctl('verify') =~ /no problems/ ? 1 : 0, 1, 'the depot is whole');

$t->finish;
