# A generation of several files under workers: a change is served at once, what it
# does not touch stays, a worker that starts or reloads serves the same, and a lower
# file that is damaged, replaced or missing brings 503 until it is mended, or leaves
# the generation before in force.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use MDS;
use Overwrite;
use Test::More;

my $t = MDS->new;
$t->depot;
$t->write('app.bin', 'package');
$t->mdsctl('apply', $t->document({
    app      => 'a',
    lists    => { many => { ids => [ map { "user$_" } 1 .. 40_000 ] } },
    packages => [ map { { kind => 'bundle', name => "n$_", version => '1',
        file => 'app.bin' } } 1 .. 6 ],
    releases => [ map { { id => "r$_", kind => 'bundle', name => "n$_",
        version => '1', audience => { lists => ['many'] } } } 1 .. 6 ],
}));
$t->mdsctl('pause', 'a', 'r6');
$t->start(<<'EOF2', workers => 2);
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /check { mds_check; }
    location / { return 200 fine; }
}
EOF2

my $base = $t->depot_dir . '/catalog/1.mdb';

sub ask { $t->get("/check?app=a&kind=bundle&name=n$_[0]&user=user77") }

# What all of them say, in a word: 1 for an answer, 0 for none.
sub all { join '', map { my $s = ask($_)->status;
    $s == 200 ? 1 : $s == 204 ? 0 : "($s)" } 1 .. 6 }

cmp_ok(-s $base, '>', 300_000, 'the first generation is large');
cmp_ok(-s $t->depot_dir . '/catalog/2.mdb', '<', 65_536, 'the second is a layer');
is(all(), '111110', 'records of both');

# --- changes

for my $n (5, 4, 3) {
    $t->mdsctl('pause', 'a', "r$n");
    is(all(), '1' x ($n - 1) . '0' x (7 - $n), "r$n is paused");
}
$t->mdsctl('resume', 'a', 'r5');
is(all(), '110010', 'r5 is resumed');
$t->reload;
is(all(), '110010', 'new workers see the same');

$t->mdsctl('list', 'remove', 'a', 'many', 'user77');
is(all(), '000000', 'a list that is replaced');
$t->mdsctl('list', 'add', 'a', 'many', 'user77');
is(all(), '110010', '... and again');
$t->reload;
is(all(), '110010', '... after a reload');

# Without the word of the loader each worker reads the files itself.
unlink $t->depot_dir . '/state/PROVED' or die;
$t->reload;
is(all(), '110010', 'as on an edge that was copied');
$t->mdsctl('resume', 'a', 'r4');
ok($t->wait_for(sub { all() eq '110110' }), '... the next change');

# --- a lower file

# The lowest file of the generation in force.
my ($lowest) = sort { -M $b <=> -M $a } glob $t->depot_dir . '/catalog/*.mdb';
my $whole   = $t->read($lowest);
my $flipped = $whole;
substr($flipped, $_ * 512, 1) ^= "\x10" for 1 .. length($whole) / 512 - 1;

for my $bad ([ 'cut to half', substr $whole, 0, length($whole) / 2 ],
    [ 'emptied', '' ], [ 'with flipped bits', $flipped ])
{
    my ($title, $content) = @$bad;

    overwrite($lowest, $content);
    for (1 .. 6) {
        my $all = all();
        ok($all =~ /^(?:1|\(503\)){2}(?:0|\(503\))/, "$title: 503, or what was right")
            or diag($all);
        is($t->get('/')->body, 'fine', '... all else is untouched');
        select undef, undef, undef, 0.1;
    }
    $t->reload;
    is(ask(1)->status, 503, "$title, opened: 503");

    overwrite($lowest, $whole);
    ok($t->wait_for(sub { all() eq '110110' }), "mended after it was $title");
}

# Replaced by a copy: a file that was opened stays, and a worker that starts has
# another look at it.
system('cp', $lowest, "$lowest.new") == 0 or die;
rename "$lowest.new", $lowest or die;
is(all(), '110110', 'a copy under its name');
$t->reload;
is(all(), '110110', '... is taken by new workers');

# Missing: what is open goes on; a generation that needs it is passed over.
my ($serial) = sort { $b <=> $a } map { /(\d+)\.mdb$/ }
    glob $t->depot_dir . '/catalog/*.mdb';
rename $lowest, "$t->{dir}/away" or die;
is(all(), '110110', 'the file is gone: what is open goes on');
$t->reload;
is(ask(1)->status, 503, '... and a new worker serves nothing');
rename "$t->{dir}/away", $lowest or die;
ok($t->wait_for(sub { all() eq '110110' }), 'it is back');
is(ask(1)->header('MDS-Serial'), $serial, '... with its serial');

$t->finish;
