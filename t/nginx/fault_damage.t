# Damages catalog files while they are served: no worker dies, no wrong answer is sent,
# and a repaired file is served again without help.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use MDS;
use Overwrite;
use Test::More;

my $t = MDS->new(looks => 1);
$t->depot;
$t->write('app.bin', 'package');
$t->write('staff.txt', join '', map { "user$_\n" } 1 .. 20_000);
$t->mdsctl('apply', $t->document({
    app      => 'a',
    lists    => { staff => { file => 'staff.txt' } },
    packages => [ { kind => 'upgrade', version => '1.0', file => 'app.bin' } ],
    releases => [ { id => 'r', kind => 'upgrade', version => '1.0',
                    audience => { lists => ['staff'] } } ],
}));
$t->start(<<'EOF2');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /check { mds_check; }
    location / { return 200 fine; }
}
EOF2

my $CHECK  = '/check?app=a&kind=upgrade&user=user77';
my $answer = $t->get($CHECK);
is($answer->status, 200, 'in the beginning all is well');

# In place, as a failing disk, or a careless hand, would.
my ($generation) = glob $t->depot_dir . '/catalog/1.mdb';
my ($list)       = glob $t->depot_dir . '/lists/*.mdb';
ok(-f $generation && -f $list, 'a generation and a list');

for my $file ($generation, $list) {
    my ($name) = $file =~ m{([^/]+/)[^/]+$};
    my $whole = $t->read($file);
    my $size  = length $whole;
    my $flipped = $whole;
    substr($flipped, $_ * 512, 1) ^= "\x10" for 1 .. $size / 512 - 1;

    my @cuts = (
        [ 'emptied',         '' ],
        [ 'cut to one byte', substr $whole, 0, 1 ],
        [ 'cut to a page',   substr $whole, 0, 4096 ],
        [ 'cut to half',     substr $whole, 0, $size / 2 ],
    );

    # Under a worker that has it open; it lives on.
    for my $cut (@cuts) {
        my ($title, $content) = @$cut;

        overwrite($file, $content);
        for (1 .. 12) {
            my $r = $t->get($CHECK);
            ok($r->status == 503 || $r->body eq $answer->body,
                "$name $title: 503, or what was right") or diag($r->{bytes});
            is($t->get('/')->body, 'fine', '... all else is untouched');
            select undef, undef, undef, 0.1;
        }

        overwrite($file, $whole);
        ok($t->wait_for(sub { $t->get($CHECK)->body eq $answer->body }),
            "$name mended after it was $title");
    }

    # Found by a worker that opens it.
    for my $bad (@cuts, [ 'zeroed', "\0" x $size ],
        [ 'full of ones', "\xff" x $size ], [ 'with flipped bits', $flipped ],
        [ 'with more', $whole . 'x' x 4096 ])
    {
        # A list is too long to be hashed whenever it is opened.
        next if $file eq $list && $bad->[1] eq $flipped;

        my ($title, $content) = @$bad;

        overwrite($file, $content);
        $t->reload;
        is($t->get($CHECK)->status, 503, "$name $title, opened: 503");
        is($t->get('/')->body, 'fine', '... all else is untouched');

        overwrite($file, $whole);
        ok($t->wait_for(sub { $t->get($CHECK)->body eq $answer->body }),
            '... and mended');
    }
}

# A new generation that is bad when a worker comes to open it: the one before
# stays in force, the log says so once, and the new one is taken when it is
# good.
my ($worker) = $t->workers;
kill 'STOP', $worker;
$t->mdsctl('pause', 'a', 'r');
my $next = $t->depot_dir . '/catalog/2.mdb';
my $whole = $t->read($next);
ok(length $whole, 'the next generation');
overwrite($next, substr $whole, 0, length($whole) / 2);
kill 'CONT', $worker;

for (1 .. 10) {
    is($t->get($CHECK)->body, $answer->body, 'the one before is served');
    select undef, undef, undef, 0.1;
}
ok($t->wait_until_looked, 'the worker has looked at it again');
is($t->get($CHECK)->body, $answer->body, '... and serves the one before');
is(scalar(() = $t->error_log =~ /the generation before it is served/g), 1,
    'the log says so once');

overwrite($next, $whole);
ok($t->wait_for(sub { $t->get($CHECK)->status == 204 }), 'mended, and taken');
is($t->get($CHECK)->header('MDS-Serial'), 2, '... with its serial');

$t->finish;
