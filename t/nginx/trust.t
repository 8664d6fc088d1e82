#!/usr/bin/perl

# What devices trust, as an edge serves it: roots, heads, and proofs that lead
# from a manifest to the tree of the head. All are verified by a second client
# (t/nginx/lib/trust_client.py), which shares no code with ours.

use strict;
use warnings;

use Digest::SHA qw(sha256 sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../cli/lib";
use JSON::PP;
use MDS;
use MIME::Base64;
use Test::More;

my $t   = MDS->new;
my $dir = $t->dir;
$t->depot;
my $DSSE = 'application/vnd.dsse.envelope.v1+json';

sub json { JSON::PP->new->utf8->decode($_[0]) }

$t->mdsctl('keygen', "$dir/$_") for qw(anna ben head);
$t->mdsctl(qw(trust init), "$dir/root.json", (map { ('--root-key', "$dir/$_.pub") }
    qw(anna ben)), qw(--threshold 2 --sign-key), "$dir/test.pub", '--head-key', "$dir/head.pub");
$t->mdsctl(qw(trust sign), "$dir/root.json", '--key', "$dir/$_.key") for qw(anna ben);

my @releases = map { { id => "r$_", kind => 'bundle', name => "b$_", version => '1',
    audience => { all => JSON::PP::true } } } 1 .. 5;
$t->write("f$_", "package $_") for 1 .. 5;
$t->mdsctl('apply', $t->document({ app => 'a', packages => [ map { { kind => 'bundle',
    name => "b$_", version => '1', file => "f$_" } } 1 .. 5 ], releases => \@releases }));

$t->start(<<'END');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /mds/v1/check  { mds_check; }
    location   /mds/v1/trust/ { mds_trust; }
}
END

my $base = '/mds/v1/check?app=a&kind=bundle&name=';
my @ask  = ('MDS-Want-Proof' => 1);

sub check { my ($n, @headers) = @_; return $t->get("$base$n", @headers) }

# --- without head and root

for my $path ('root/1', 'root/0', 'root/01', 'root/x', 'root/', 'root', '', 'heads',
    'head?app=a', 'head?app=none')
{
    my $r = $t->get("/mds/v1/trust/$path");
    is $r->status, 404, "404: $path";
    is $r->header('Content-Type'), 'application/problem+json', '... a problem';
    like $r->header('MDS-Serial'), qr/^\d+$/, '... with the serial';
}
is $t->get('/mds/v1/trust/head')->status, 400, 'a head needs an app';
is $t->get('/mds/v1/trust/head?app=a&app=b')->status, 400, '... one';
is $t->request('POST', '/mds/v1/trust/head?app=a', 'Content-Length' => 0)->status, 405,
    'no POST';
my $plain = check('b1')->body;
is check('b1', @ask)->header('MDS-Proof'), undef, 'no tree, no proof';

# --- with them

$t->mdsctl(qw(trust publish), "$dir/root.json");
my $r = $t->get('/mds/v1/trust/root/1');
is $r->status, 200, 'root 1';
is $r->header('Content-Type'), $DSSE, '... an envelope';
is $r->header('Cache-Control'), 'no-store', '... not stored';
is $r->header('MDS-Serial'), 2, '... with the serial';
is_deeply json($r->body)->{payload}, json($t->read('root.json'))->{payload},
    '... with the bytes that were signed';
is_deeply [ sort keys %{ json($r->body) } ], [qw(payload payloadType signatures)],
    '... and nothing else';
is $t->get('/mds/v1/trust/root/2')->status, 404, 'there is no root 2';

$t->mdsctl('head', '--head-key', "$dir/head.key");

sub head {
    my ($app) = @_;
    my $r = $t->get("/mds/v1/trust/head?app=$app");
    is $r->status, 200, "head of $app";
    is $r->header('Content-Type'), $DSSE, '... an envelope';
    return json(decode_base64(json($r->body)->{payload}));
}

my $head = head('a');
is_deeply [ @$head{qw(app serial root)} ], [ 'a', 3, 1 ], '... of app, serial and root';
is $head->{manifests}{count}, 5, '... of all that can be given';

# The judge: returns the index, or dies.
sub judge {
    my ($name, $manifest, $proof, $app, $why) = @_;
    $app //= 'a';
    $t->write('head.json', $t->get("/mds/v1/trust/head?app=$app")->body);
    $t->write('manifest', $manifest);
    my $said = `python3 $FindBin::Bin/lib/trust_client.py proof $dir/root.json $dir/head.json $dir/manifest '$proof' 2>&1`;
    chomp $said;
    $why ? like $said, $why, $name : is $said, 'ok', $name;
}

sub index_of { $_[0] =~ /^index=(\d+), size=\d+, path=:[A-Za-z0-9+\/=]*:$/ ? $1 : 'none' }

my @digests;
for my $n (1 .. 5) {
    my $r = check("b$n", @ask);
    judge("b$n: the proof leads to the head", $r->body, $r->header('MDS-Proof'));
    push @digests, [ sha256_hex($r->body), index_of($r->header('MDS-Proof')) ];
}
is_deeply [ map { $_->[1] } sort { $a->[0] cmp $b->[0] } @digests ], [ 0 .. 4 ],
    'leaves are in the order of the digests';

# What does not ask gets what it got.
$r = check('b1');
is $r->body, $plain, 'not asked: the same bytes';
is $r->header('MDS-Proof'), undef, '... and no proof';
is check('b1', 'MDS-Want-Proof' => 0)->header('MDS-Proof'), undef, '0: no proof';
is check('b9', @ask)->header('MDS-Proof'), undef, 'nothing to do: no proof';

# --- batch

my %batch = (app => 'a', resources => [ map { { kind => 'bundle', name => "b$_" } } 1, 9, 3 ]);

sub batch {
    my $body = JSON::PP->new->canonical->encode(\%batch);
    return json($t->raw(join("\r\n", 'POST /mds/v1/check HTTP/1.1', 'Host: localhost',
        'Connection: close', 'Content-Type: application/json', @_,
        'Content-Length: ' . length $body, '', $body))->body)->{results};
}

my $asked = batch('MDS-Want-Proof: 1');
for my $i (0, 2) {
    my $n = $i + 1;
    judge("batch: b$n", $asked->[$i]{manifest}, $asked->[$i]{proof});
    is $asked->[$i]{proof}, check("b$n", @ask)->header('MDS-Proof'), '... as in a check';
}
ok !exists $asked->[1]{proof}, '... nothing to do: no proof';
delete $_->{proof} for @$asked;
is_deeply batch(), $asked, 'batch, not asked: the same without proofs';

# --- a change

$t->mdsctl(qw(pause a r2 --head-key), "$dir/head.key");
$head = head('a');
is $head->{manifests}{count}, 4, 'pause: its manifest is not in the tree';
is $head->{serial}, 4, '... the head is new';
$r = check('b1', @ask);
judge('... the others are proved', $r->body, $r->header('MDS-Proof'));

# Without the head key, a head that does not fit any more goes.
my $warned = $t->mdsctl(qw(pause a r3));
is $t->get('/mds/v1/trust/head?app=a')->status, 404, 'pause without the head key: no head';
like index_of(check('b1', @ask)->header('MDS-Proof')), qr/\d/, '... but the tree';
$t->mdsctl(qw(head a --expires 1h --head-key), "$dir/head.key");
$head = head('a');
is $head->{manifests}{count}, 3, 'head: signs the tree that is there';
$r = check('b1', @ask);
judge('... which proves', $r->body, $r->header('MDS-Proof'));

# A list that changes no manifest leaves the head.
$t->mdsctl(qw(list add a staff alice));
is head('a')->{serial}, 6, 'another change without the key: the head still fits';

# --- a large tree is changed, not made anew

my $leaves = 1100;
$t->mdsctl('apply', '--head-key', "$dir/head.key", $t->document({ app => 'large',
    packages => [ map { { kind => 'bundle', name => "l$_", version => '1', file => 'f1' } }
        1 .. $leaves ],
    releases => [ map { { id => "l$_", kind => 'bundle', name => "l$_", version => '1',
        audience => { all => JSON::PP::true } } } 1 .. $leaves ] }));

sub trees { [ sort map { s{.*/}{}r } glob "$dir/depot/trees/*" ] }

sub check_large {
    my ($n, @headers) = @_;
    return $t->get("/mds/v1/check?app=large&kind=bundle&name=l$n", @headers);
}

sub judge_large {
    my ($name, $n) = @_;
    my $r = check_large($n, @ask);
    judge("$name: l$n is proved", $r->body, $r->header('MDS-Proof'), 'large');
    return $r->header('MDS-Proof');
}

judge_large('new', 7);
my $trees  = trees();
my $most   = int($leaves / 64);    # changes that a tree of this size may have
my $paused = check_large(1, @ask);

for my $n (1 .. $most) {
    $t->mdsctl('pause', 'large', "l$n", '--head-key', "$dir/head.key");
}
is head('large')->{manifests}{count}, $leaves, 'pause: leaves become vacant';
is_deeply trees(), $trees, '... and the file of the tree stays';
judge_large("$most are paused", $most + 1);
isnt check_large(1, @ask)->header('MDS-Proof'), $paused->header('MDS-Proof'),
    '... one is not proved';
judge('... its old proof is refused', $paused->body, $paused->header('MDS-Proof'), 'large',
    qr/tree|proof|root/);

$t->mdsctl('pause', 'large', 'l' . ($most + 1), '--head-key', "$dir/head.key");
is head('large')->{manifests}{count}, $leaves - $most - 1, 'one change too many: a new file';
judge_large('another file', $most + 2);

$trees = trees();
$t->mdsctl('resume', 'large', "l$_", '--head-key', "$dir/head.key") for 3, 4;
judge_large('resumed', 3);
is head('large')->{manifests}{count}, $leaves - $most + 1, '... appended';
is_deeply trees(), $trees, '... to the same file';
$t->mdsctl('verify', map { ('--pub', "$dir/$_.pub") } qw(test head));

$t->mdsctl('apply', '--force', $t->document({ app => 'a' }));
$t->mdsctl(qw(remove app a));
is $t->get('/mds/v1/trust/head?app=a')->status, 404, 'remove app: its head goes';

$t->finish;
