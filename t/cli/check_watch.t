#!/usr/bin/perl

# mdsctl check --watch: a device that is told. It checks when it is told, and
# comes back whatever the edge does, later each time. (The nginx that is an edge
# is in t/nginx/watch_client.t.)

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;
use Time::HiRes qw(time sleep);

use Ctl;
use Edge;

my $dir  = tempdir(CLEANUP => 1);
my $json = JSON::PP->new->canonical;
(ctl('keygen', "$dir/ops"))[0] == 0 or die 'keygen';
my $edge = Edge->new(key => "$dir/ops.key");
my @app  = qw(app=shop kind=upgrade platform=android);
my $new  = 'the new package';
my $minisig = $edge->minisig($new);
my $path = 'files/' . sha256_hex($new);

my $nothing = { status => 204, headers => { 'MDS-Serial' => 7 } };
my $order = $edge->manifest($json->encode({
    app => 'shop', kind => 'upgrade', name => '', platform => 'android',
    channel => '*', action => 'install', version => '2.0', release => 'r',
    serial => 8, full => { path => $path, size => length $new,
        sha256 => sha256_hex($new) } }));

sub stream {
    my ($body, %more) = @_;
    return { type => 'text/event-stream; charset=utf-8', hold => 1, body => $body, %more };
}

sub serve {
    my ($watch, $check) = @_;
    $edge->{routes} = {};
    $edge->answer('/mds/v1/watch', @$watch);
    $edge->answer('/mds/v1/check', @$check);
    $edge->answer("/mds/v1/$path", { body => $new });
    $edge->answer("/mds/v1/$path.minisig", { body => $minisig });
    $edge->start;
}

# A client that runs: its pid; what it prints goes to a file.
my $pid;

sub begin {
    my (@args) = @_;
    unlink "$dir/out", "$dir/err";
    $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', "$dir/out";
        open STDERR, '>', "$dir/err";
        exec { "$Ctl::build/mdsctl" } 'mdsctl', 'check', $edge->url, '--pub',
            "$dir/ops.pub", '--watch', @app, @args;
        exit 127;
    }
}

sub out { -e "$dir/out" ? Edge::slurp("$dir/out") // '' : '' }
sub err { Edge::slurp("$dir/err") // '' }

# Waits until this many lines of its output are this event.
sub wait_for {
    my ($pattern, $count) = @_;
    my $until = time + 60;
    while (time < $until) {
        my @lines = grep { /$pattern/ } split /\n/, out();
        return 1 if @lines >= ($count // 1);
        sleep 0.02;
    }
    diag out(), err();
    return 0;
}

sub end_by {
    my ($signal) = @_;
    kill $signal, $pid;
    waitpid $pid, 0;
    return $? & 127 ? "signal $?" : $? >> 8;
}

END { local $?; kill 'KILL', $pid if $pid }

sub asked { scalar grep { m{^GET /mds/v1/$_[0]\b} } $edge->requests }
sub events { map { $json->decode($_) } split /\n/, out() }
my $event = sub { "id: $_[0]\nevent: change\ndata: {\"serial\":$_[0]}\n\n" };

# --- told, in words and for machines

serve([stream("retry: 300\n\n")], [$nothing]);
begin('version=1.0');
ok wait_for(qr/nothing to do/), 'a check comes first';
is asked('check'), 1, '... one';
$edge->push(":\n\n");
$edge->push($event->(9));
ok wait_for(qr/nothing to do/, 2), 'an event makes another';
is asked('watch'), 1, '... on the same stream';
is end_by('INT'), 0, 'SIGINT ends it in order';
like out(), qr/^watch +end\n\z/m, '... which it says';
is err(), '', '... and nothing else';
like +($edge->requests)[0], qr{^GET /mds/v1/watch\?app=shop&kind=upgrade&platform=android&version=1\.0$},
    'the stream has the attributes';
like $edge->heads, qr/^Accept: text\/event-stream\r/m, '... and says what it wants';

serve([stream("retry: 300\n\n")], [$nothing, $order, $nothing]);
begin('version=1.0', '--json', '--out', "$dir/new");
ok wait_for(qr/"none"/), 'with --json, too';
$edge->push($event->(9));
ok wait_for(qr/"install"/), 'it is told, and installs';
ok wait_for(qr/"none"/, 2), '... and checks again';
is Edge::slurp("$dir/new"), $new, '... the package is there';
is end_by('TERM'), 0, 'SIGTERM ends it in order';
is_deeply [map { $_->{event} } events()],
    [qw(open check change check open check end)], 'a line for each event';
is((events())[3]{version}, '2.0', '... with what a check says');
my @watches = grep { m{/watch\?} } $edge->requests;
like $watches[1], qr/version=2\.0&serial=7/, 'a new stream is for the new version, from the serial that was seen';
like $edge->heads, qr/^Last-Event-ID: 9\r/m, '... and from the last event';

# --- many events at once are one check

serve([stream("retry: 300\n\n")], [$nothing]);
begin('--json');
wait_for(qr/"none"/);
my $begun = time;
$edge->push(join '', map { $event->($_) } 1 .. 2000);
ok wait_for(qr/"none"/, 2), '2,000 events at once';
cmp_ok asked('check'), '<=', 2 + int(time - $begun), '... are one check, or one a second';
is end_by('TERM'), 0, '... and nothing worse';

# --- an edge that closes, and one that does so at once each time

serve([stream("retry: 200\n\n")], [$nothing]);
begin('--json');
wait_for(qr/"none"/);
$edge->hang_up;
ok wait_for(qr/"none"/, 2), 'the edge closes: it comes back, and checks once';
my ($closed) = grep { $_->{event} eq 'close' } events();
ok $closed->{retry_ms} >= 100 && $closed->{retry_ms} <= 300, '... after "retry", about';
end_by('TERM');

serve([{ type => 'text/event-stream', body => "retry: 100\n\n" }], [$nothing]);
begin('--json');
ok wait_for(qr/"close"/, 5), 'an edge that closes at once each time';
end_by('TERM');
my $opens = grep { $_->{event} eq 'open' } events();
my @pauses = map { $_->{retry_ms} } grep { $_->{event} eq 'close' } events();
cmp_ok $pauses[4], '>=', 400, "... is left alone longer and longer: @pauses";
cmp_ok asked('check'), '<=', $opens, '... and not checked without distance';

# --- errors

serve([{ status => 503, headers => { 'Retry-After' => 1 }, type => 'application/problem+json',
        body => '{"detail":"full"}' }, stream("retry: 200\n\n")], [$nothing]);
begin('--json');
ok wait_for(qr/"none"/), '503: it comes back';
end_by('TERM');
($closed) = grep { $_->{event} eq 'close' } events();
cmp_ok $closed->{retry_ms}, '>=', 1000, '... not before Retry-After';
like $closed->{detail}, qr/503: full/, '... and says why';

serve([{ status => 400, type => 'application/problem+json', body => '{"detail":"bad"}' }], [$nothing]);
begin();
waitpid $pid, 0;
is $? >> 8, 1, '400: it ends';
like err(), qr/the server answers 400: bad/, '... and says why';

serve([stream("retry: 100\n\n")], [{ status => 503 }, { status => 503 }, $nothing]);
begin('--json');
ok wait_for(qr/"none"/), 'a check that fails is repeated';
is asked('watch'), 1, '... on the same stream';
is scalar(grep { $_->{event} eq 'error' } events()), 2, '... and said';
end_by('TERM');

# --- garbage

my $garbage = join '', map { chr(33 + $_ % 90) } 1 .. 5000;
for my $wrong (
    [ 'an endless line', stream('x' x 100_000) ],
    [ 'another type', { type => 'text/html', body => $garbage } ],
    [ 'an endless page', { type => 'text/html', body => 'x' x 3_000_000 } ],
    [ 'no HTTP', { status => "200 OK\r\n\0\r\nx", body => '' } ],
) {
    my ($what, $answer) = @$wrong;
    serve([$answer, stream("retry: 200\n\n")], [$nothing]);
    begin('--json');
    ok wait_for(qr/"close"/), "$what: it gives the stream up";
    is end_by('TERM'), 0, '... and lives';
    my ($first) = grep { $_->{event} eq 'close' } events();
    ok length $first->{detail} && length $first->{detail} < 1024, '... and says why';
}

# --- silence

# Where the machine stops for a second, a stream is silent: then it is tried again.
my $opened;
for (1 .. 20) {
    serve([stream("retry: 200\n\n")], [$nothing]);
    begin('--json', '--silence', 1, '--deadline', 1, '--least-rate', '1000/1');
    wait_for(qr/"open"/);
    for (1 .. 12) {
        $edge->push(":\n\n");
        sleep 0.25;
    }
    $opened = asked('watch');
    last if $opened == 1;
    end_by('TERM');
}
is $opened, 1, 'comments keep a stream open beyond the deadline and below the rate';
ok wait_for(qr/silent for 1 s/), 'one that is silent is given up';
ok wait_for(qr/"open"/, 2), '... and opened anew';
end_by('TERM');

my ($code, undef, $err) = ctl('check', $edge->url, '--pub', "$dir/ops.pub", '--silence', 3, @app);
is $code, 2, '--silence is for --watch';
like $err, qr/--silence needs --watch/, '... which it says';

done_testing;
