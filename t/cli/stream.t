#!/usr/bin/perl

# Checks that export and log print part by part: an app of 12 MB is exported, and
# its changes are logged, in 9 MB of memory. The pages of the journal that are
# mapped do not count, since the system takes them back when it needs them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Ctl ();
use Depot;

plan skip_all => 'a sanitizer allocates for itself'
    if $ENV{TEST_NGINX_PRELOAD};

my $PACKAGES = 200;
my $LIMIT_KB = 9_000;

my $d = Depot->new;
$d->put('file', 'x');
$d->put_json('doc.json', { app => 'a', packages => [ map { {
    kind => 'bundle', name => "b$_", platform => 'android', version => '1',
    file => 'file', deltas => 0, meta => { notes => { en => $_ x (60_000 / length) } },
} } 1 .. $PACKAGES ] });
$d->must('apply', "$d->{dir}/doc.json");

# Runs mdsctl in so much memory; hands back its exit code, stdout and stderr.
sub limited {
    local $ENV{MDS_DEPOT} = $d->{depot};
    my $mdsctl = "$Depot::BUILD/mdsctl";
    my $words  = join ' ', @_;
    my $out = qx(ulimit -d $LIMIT_KB; exec $mdsctl $words 2>&1);
    return ($?, $out);
}

for my $words ('export a', 'log', '--json log') {
    my $whole = $d->must(split / /, $words);
    my ($code, $out) = limited($words);

    is $code, 0, "$words: in a memory that the whole does not fit into";
    ok $out eq $whole, '... the same bytes';
    ok length $out >= 12_000_000, '... all of them' if $words ne 'log';
}

my ($code, $out) = limited('export none');
isnt $code, 0, 'an app that does not exist';
like $out, qr/\Amdsctl: there is no app "none"/, '... prints nothing else';

my $document = JSON::PP->new->utf8->decode($d->export('a'));
is_deeply [ map { $_->{name} } @{ $document->{packages} } ],
    [ map { "b$_" } 1 .. $PACKAGES ], 'the packages are in their order';

done_testing;
