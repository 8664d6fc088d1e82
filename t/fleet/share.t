#!/usr/bin/perl

# What the agent shares, between workers that this test plays and a PostgreSQL
# server: admissions, outboxes, the feed, and all of it while the
# database hangs, dies and comes back, or a worker sends what is no frame.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib", "$FindBin::Bin/../cli/lib";
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(sleep time);

use Ctl ();
use EdgeAgent;
use Postgres;
use Worker;

my $pg = Postgres->new or plan skip_all => 'PostgreSQL is not installed (make deps-test)';
my $dir = tempdir('mds-share-XXXXXXXX', DIR => '/tmp', CLEANUP => 1);
my $soon = 9_999_999_999_999;
my %edge;

sub edge { my ($name) = @_; return ($edge{$name} = EdgeAgent->new("$dir/$name", $pg->uri))->socket }
sub log_of { return $edge{ $_[0] }->log }

sub until_true {
    my ($code, $patience) = @_;
    for (my $end = time + ($patience // 60); time < $end; sleep 0.02) {
        my $value = $code->();
        return $value if $value;
    }
    return;
}

my $path = edge('north');
my $early = Worker->new($path);
ok !$early->hello(patience => 0.5), 'without the tables nobody is welcome';
is((Ctl::ctl('database', 'init', $pg->uri))[0], 0, 'the tables are made');
my $welcome = until_true(sub { $early->await('welcome', 1) });
ok $welcome, '... and the worker that waits is welcome';
$early->{socket}->close;

my $north = Worker->new($path);
$welcome = $north->hello(wants_feed => 1);
is $welcome->{protocol}, 2, 'a worker is welcome';
is $welcome->{shared}, 1, '... to share';
isnt $welcome->{fleet}, "\0" x 16, '... a database with an identity';
my $other = Worker->new($path);
$other->hello;
my $south = Worker->new(edge('south'));
is $south->hello(wants_feed => 1)->{fleet}, $welcome->{fleet},
    'an agent of another edge has the same';

# An answer that is not "unknown": a busy machine may need more than one try.
sub sure {
    my ($worker, @asks) = @_;
    return until_true(sub {
        my $verdicts = $worker->admit(@asks) // return 'ended';
        return $verdicts !~ /4/ && $verdicts;
    });
}

sub ask_for { my ($window, $limit, @ids) = @_; return map { [ "a\0$window", $_, $limit, $soon ] } @ids }

is sure($north, ask_for('w', 2, qw(x y z))), '113', 'a window lets in as many as it may';
is sure($south, ask_for('w', 2, qw(z y))), '31', '... on every edge the same ones';
is sure($south, [ "a\0w2", 'x', 5, 1 ]), '2', 'whose time is over, lets in nobody';
is sure($south, ask_for('w', 2, 'x')), '1', 'who is in stays in';

# What the feed brings, until it has so many entries.
sub hears {
    my ($worker, $count) = @_;
    my @items;
    while (@items < $count) {
        my @more = $worker->feed(60) or last;
        push @items, @more;
    }
    return @items;
}

for my $worker ($north, $south) {
    my @items = hears($worker, 3);
    is_deeply [ map { $_->{type} } @items ], [ 16, 16, 17 ],
        'the feed brings both admissions, and then that the window is full';
    is_deeply [ map { (unpack 'n/a n/a', $_->{entry})[1] } @items[0, 1] ], [ qw(x y) ],
        '... whom it has let in';
}

# --- outboxes

my @items = ([ 7, 1, Worker::mark('u', 3, 5, 6) ],
    [ 8, 2, Worker::report('r', 1, 2, least => 1, ppm => 1, detail => 'a "b" \\c') ],
    [ 9, 3, Worker::device('d', 'u', '1.0', 10) ]);
is $north->outbox(@items), 9, 'an outbox is stored';
is $pg->sql('select delete_through, read from mds.marks'), '3|{[5,7)}', '... its marks';
is $pg->sql('select detail from mds.details'), 'a "b" \\c', '... its reports';
is $pg->sql('select device, user_name from mds.devices'), 'd|u', '... its devices';
my @heard = hears($south, 2);
is_deeply [ sort map { $_->{type} } @heard ], [ 1, 18 ], 'another edge hears of the mark and the halt';
my ($marked) = grep { $_->{type} == 1 } @heard;
is $marked->{entry}, Worker::mark('u', 3, 5, 6), '... as it was told';
is $north->outbox(@items), 9, 'the same once more is stored';
is $pg->sql('select events from mds.tallies'), '{0,0,1,0,0}', '... and counted once';
hears($north, 2);
is $south->outbox([ 1, 1, Worker::mark('u', 4, 9, 9) ]), 1, 'the other edge marks, too';
is((hears($north, 1))[0]{entry}, Worker::mark('u', 4, 5, 6, 9, 9), '... and the first hears of the sum');
is $pg->sql('select count(*) from mds.edges'), 2, 'both edges have noted themselves';

# --- many at once

# A frame of many is asked by several statements; those that are not in time are
# answered when it is sent again.
my @seen = ('') x 300;
ok until_true(sub {
    my @verdicts = split //, $other->admit(ask_for('many', 250, 1 .. 300)) // return;
    $seen[$_] = $verdicts[$_] for grep { $verdicts[$_] ne '4' } 0 .. $#verdicts;
    return !grep { $_ eq '' } @seen;
}), 'a frame of many is answered, in part by the end of its time';
is join('', @seen), '1' x 250 . '3' x 50, '... in its order';

# --- a database that hangs

$pg->freeze;
is $other->admit(ask_for('v', 10, 'a')), '4', 'the database hangs: the verdict is unknown';
my $tells = sub { my ($wanted) = @_; return until_true(sub {
    my $frame = $other->await('database', 1);
    return $frame && unpack('C', $frame->[2]) == $wanted; }) };
ok $tells->(0), '... and workers are told so';
ok until_true(sub {
    my $begun = time;
    return $other->admit(ask_for('v', 10, 'b')) eq '4' && time - $begun < 0.04;
}), '... from then on at once, without the wait of the budget';
$pg->thaw;
ok $tells->(1), 'it goes on: workers are told so';
is sure($other, ask_for('v', 10, qw(a b))), '11', '... and are answered';

# --- one that dies, with an outbox on its way

$pg->kill9;
$south->send_frame('outbox', pack('n', 1) . pack 'Q> C N/a*', 2, 3, Worker::device('e', '', '1', 5));
ok !$south->await('outbox_ack', 1), 'what is not stored is not acknowledged';
$pg->start;
is unpack('Q>', ($south->await('outbox_ack') // [ 0, 0, "\0" x 8 ])->[2]), 2,
    '... but as soon as the database is back';
is $pg->sql("select version from mds.devices where device = 'e'"), '1', '... and it is there';
is sure($north, ask_for('v', 10, 'c')), '1', 'workers are answered again';
ok until_true(sub {
    my $said = log_of('south');
    return (() = $said =~ /trying again/g) == (() = $said =~ /reachable again/g);
}), 'the log has a line for each end, and one for each return' or diag log_of('south');

# --- what is no frame

my %hostile = (
    'no frame'          => "GET / HTTP/1.1\r\n\r\n",
    'an endless frame'  => pack('N C N', 0xffffffff, 1, 0),
    'no HELLO'          => pack('N C N', 5, 2, 0),
    'a type of its own' => Worker::text('') x 0 . pack('N C N', 5, 99, 0),
    'a short HELLO'     => pack('N C N N', 9, 1, 0, 1),
);
for my $what (sort keys %hostile) {
    my $before = () = log_of('north') =~ /is closed/g;
    my $worker = Worker->new($path);
    $worker->send_bytes($hostile{$what});
    ok !$worker->frame(60) && $worker->{ended}, "$what: the connection is closed";
    ok until_true(sub { (() = log_of('north') =~ /is closed/g) == $before + 1 }),
        '... with a line in the log';
}
my %wrong = (
    'a list that is cut'       => [ 'admit', pack('n', 2) . Worker::text("a\0w") ],
    'an id that is no UTF-8'   => [ 'admit', pack('n', 1) . Worker::text("a\0w")
        . Worker::text("\xff") . pack('Q> q>', 1, 1) ],
    'an id with a zero'        => [ 'admit', pack('n', 1) . Worker::text("a\0w")
        . Worker::text("i\0d") . pack('Q> q>', 1, 1) ],
    'a limit out of range'     => [ 'admit', pack('n', 1) . Worker::text("a\0w")
        . Worker::text('i') . pack('Q> q>', 2**63, 1) ],
    'a window without release' => [ 'admit', pack('n', 1) . Worker::text('a')
        . Worker::text('i') . pack('Q> q>', 1, 1) ],
    'an entry of the feed'     => [ 'outbox', pack('n', 1)
        . pack('Q> C N/a*', 1, 17, Worker::text("a\0w") . pack 'Q> q>', 1, 1) ],
    'an empty outbox'          => [ 'outbox', pack 'n', 0 ],
    'an ack of nothing'        => [ 'feed_ack', pack 'Q>', 5 ],
    'a frame of the agent'     => [ 'welcome', '' ],
    'a second HELLO'           => [ 'hello', pack 'N N a16 Q> C', 1, 1, '', 0, 0 ],
);
for my $what (sort keys %wrong) {
    my $worker = Worker->new($path);
    $worker->hello;
    $worker->send_frame(@{ $wrong{$what} });
    1 while $worker->frame(60);
    ok $worker->{ended}, "$what: the connection is closed";
}
my $foreign = Worker->new($path);
ok !$foreign->hello(fleet => 'x' x 16, patience => 60) && $foreign->{ended},
    'a state of another fleet is not welcome';
ok until_true(sub { log_of('north') =~ /its state belongs to another database/ }),
    '... as the log says';
my $future = Worker->new($path);
ok !$future->hello(protocol => 3, patience => 60) && $future->{ended},
    'a protocol of the future is not welcome';

# One that asks and never reads is closed; memory is bounded.
my $deaf = Worker->new($path);
$deaf->hello;
$deaf->{socket}->blocking(0);
my $sent = 0;
my $many = pack('n', 2000) . join '', map { Worker::text("a\0w") . Worker::text("deaf-$_")
    . pack 'Q> q>', 1, 1 } 1 .. 2000;
my $frame = pack('N C N', 5 + length $many, 2, 1) . $many;
until_true(sub {
    local $SIG{PIPE} = 'IGNORE';
    my $n = $deaf->{socket}->syswrite($frame, length($frame) - $sent, $sent);
    $sent = ($sent + ($n // 0)) % length $frame;
    return !defined $n && !$!{EAGAIN};
}, 3);
ok $edge{north}->process('status') =~ /^VmRSS:\s+(\d+)/m && $1 < 64 * 1024,
    "a worker that does not read: the agent stays small, $1 kB";
is sure($other, ask_for('v', 10, 'c')), '1', 'others are answered all the while';

# --- the end

is $edge{north}->stop, 0, 'the agent ends';
ok !-e $path, '... and its socket is removed';
my $figures = $edge{north}->figures;
is $figures->{database_stored}, 6, '... its figures: what it has stored';
cmp_ok $figures->{database_admitted}, '>', 250, '... whom it has admitted';
cmp_ok $figures->{database_refused}, '>=', 1, '... and refused';
cmp_ok $figures->{database_unknown}, '>=', 1, '... and what was not answered';
cmp_ok $figures->{database_round_trip_microseconds}, '>', 0, '... how long the database takes';
isnt $figures->{database_error}, '', '... and why it was away';

done_testing;
