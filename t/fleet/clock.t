#!/usr/bin/perl

# The clock of one edge is a day behind, and that of another a day ahead. Windows
# end by the database's clock, devices and reports have its times, heads expire
# by the edge's; nobody too many comes in, and all is well when the clock is.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/lib", "$FindBin::Bin/../nginx/lib";
use Test::More;

use Fleet;
use Postgres;

plan skip_all => 'PostgreSQL is not installed (make deps-test)' if !Postgres::is_installed();

my $day = 86_400_000;
my $fleet = Fleet->new(edges => 2, workers => 1);
my ($behind, $ahead) = @{ $fleet->{edges} };
my $pg = $fleet->{pg};
sub set_clock { my ($edge, $ms) = @_; $edge->write('clock', $ms) }
for my $edge ($behind, $ahead) {
    $edge->{main} = 'env MDS_CLOCK;';
    $edge->{env}{MDS_CLOCK} = set_clock($edge, $edge == $behind ? -$day : $day);
}

sub utc { return POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $_[0]) }
my %on = (kind => 'bundle', version => '1');
my %window = map { $_->[0] => { window => { count => 10, until => utc(time + $_->[1]) } } }
    ([ over => -3600 ], [ open => 2 * 86_400 ], [ soon => 3600 ]);
$fleet->apply({
    app => 'a',
    packages => [ map { { %on, name => $_, file => 'file' } } sort(keys %window), 'halts' ],
    releases => [
        (map { { id => $_, name => $_, %on, audience => $window{$_} } } sort keys %window),
        { id => 'h', name => 'halts', %on, audience => { all => JSON::PP::true },
          halt => { failure_percent => 50, min_reports => 2 } },
    ],
});
$fleet->start;
sub reason { return $fleet->check(@_)->header('Reason') }
sub status { return $fleet->check(@_)->status }

# An answer of the database: a busy machine may need more than one try.
sub sure {
    my @asked = @_;
    my $r;
    $fleet->wait_for(sub { $r = $fleet->check(@asked);
        ($r->header('Reason') // '') ne 'window_unknown' });
    return $r->status;
}

# --- windows

is sure($behind, 'over', 'd'), 204, 'behind: a window that is over lets in nobody';
is $pg->sql('select count(*) from mds.admissions'), 0, '... as the database says, which was asked';
is sure($behind, 'open', 'd1'), 200, '... one that is open does';
is sure($ahead, 'open', 'd2'), 200, 'ahead: a window that is open for longer than the error lets in';
is sure($ahead, 'soon', 'd'), 204, '... one that the edge takes to be over does not';
is sure($behind, 'soon', 'd'), 200, '... but elsewhere';
ok $fleet->wait_for(sub { status($ahead, 'soon', 'd') == 200 }), '... and who is in there is in here';
is $pg->sql('select bool_and(abs(at - mds.now_ms()) < 3600000) from mds.admissions'), 't',
    'admissions have the time of the database';

# --- ages

my $known = sub { $pg->sql("select count(*) from mds.devices where device in ('d1', 'd2')") == 2 };
ok $fleet->wait_for($known), 'the fleet knows the devices of both';
is $pg->sql('select bool_and(abs(seen_at - mds.now_ms()) < 3600000) from mds.devices'), 't',
    '... by the time of the database';
status($behind, 'halts', "r$_") for 0 .. 3;
is $fleet->report($behind, "r$_", 'h', 'failed')->status, 204, 'a report' for 0, 1;
ok $fleet->wait_for(sub { status($_, 'halts', 'new') == 204 }), 'the release is halted' for $behind, $ahead;
$fleet->{origin}->mdsctl('resume', 'a', 'h', '--database', $pg->uri);
ok $fleet->wait_for(sub { status($behind, 'halts', 'new') == 200 }), 'it is resumed';
is $fleet->report($behind, "r$_", 'h', 'failed')->status, 204, 'a report behind that' for 2, 3;
ok $fleet->wait_for(sub { status($_, 'halts', 'new') == 204 }),
    '... counts, although the clock of its edge is behind the end of the halt' for $behind, $ahead;

# --- heads

my $log = sub { my ($i) = @_; return Fleet::read_file("$fleet->{dir}/agent$i.log") };
my $head = sub { $fleet->{origin}->mdsctl('head', '--expires', $_[0]) };
ok $fleet->wait_for(sub { $log->(0) =~ /the clock here is \d+ s behind that of the database/ }),
    'the log says so';
ok $fleet->wait_for(sub { $log->(1) =~ /the clock here is \d+ s ahead of that of the database/ }),
    '... of either';
$head->('1h');
ok $fleet->wait_for(sub { $log->(1) =~ /the head of the origin expired .* or the clock here is wrong/ }),
    'ahead: a head has expired, as the log says';
is sure($ahead, 'open', 'd1'), 200, '... the edge serves on';
set_clock($ahead, 0);
ok $fleet->wait_for(sub { $log->(1) =~ /the origin is followed again/ }),
    'the clock is right: the head is taken';
ok $fleet->wait_for(sub { $log->(1) =~ /the clock here is right again/ }), '... as the log says';
set_clock($behind, 0);

$_->finish_edge for $behind, $ahead;
done_testing;
