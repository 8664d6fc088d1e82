#!/usr/bin/perl

# A device that trusts a root, before a hostile edge: each case of
# docs/vectors/trust.json, which has TUF's threats and the ways to get proofs,
# heads and roots wrong, is played against `mdsctl check --root`. A second client,
# in Python, judges the same file.

use strict;
use warnings;

use Encode ();
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;
use Time::Local qw(timegm);

use Ctl ();
use Depot;
use Edge;

$ENV{PYTHONDONTWRITEBYTECODE} = 1;

my $JSON    = JSON::PP->new->utf8->canonical;
my $data    = "$FindBin::Bin/../data/trust";
my $published = "$FindBin::Bin/../../docs/vectors/trust.json";
my $vectors = $JSON->decode(Ctl::read_file($published));
my $d       = Depot->new(user => 'root');
my $dsse    = 'application/vnd.dsse.envelope.v1+json';
my $root    = "$d->{dir}/ROOT.json";

sub seconds {
    my ($y, $mo, $day, $h, $m, $s) = $_[0] =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)Z$/ or die;
    return timegm($s, $m, $h, $day, $mo - 1, $y);
}

# The edge of a case.
sub edge {
    my ($case, %more) = @_;
    my $edge = Edge->new;
    $edge->answer('/mds/v1/trust/head', { type => $dsse, body => $case->{head} });
    my $n = 1;
    $edge->answer('/mds/v1/trust/root/' . ++$n, { type => $dsse, body => $_ })
        for @{ $case->{roots} };
    $edge->answer('/mds/v1/check', { type => 'application/json',
        body => Encode::encode_utf8($case->{manifest}), headers => {
            'MDS-Signature' => $case->{signature},
            length $case->{proof} ? ('MDS-Proof' => $case->{proof}) : () } });
    $edge->answer($_, $more{$_}) for keys %more;
    $edge->start;
    return $edge;
}

# Exit code, output, errors of the device.
sub plays {
    my ($case, $edge, @options) = @_;
    local $ENV{MDS_CLOCK} = $d->put('clock',
        1000 * (seconds($case->{now}) - time));
    return Ctl::ctl('check', $edge->url, '--root', $root, @options,
        map { "$_=$case->{request}{$_}" } sort keys %{ $case->{request} });
}

sub python {
    open my $pipe, '-|', $Ctl::PYTHON, @_ or die "python3: $!";
    local $/;
    return scalar <$pipe>;
}

# What the second client says of the edge.
my $client = "$FindBin::Bin/../nginx/lib/trust_client.py";

sub judge {
    my ($case, $edge) = @_;
    my @request = map { "$_=$case->{request}{$_}" } sort keys %{ $case->{request} };
    my $said = python($client, 'edge', $edge->url, $root, $case->{now}, @request);
    $said =~ s/\n.*//s;
    return $said;
}

sub given {
    my ($case) = @_;
    $d->put('ROOT.json', $case->{root});
    unlink "$root.seen";
    $d->put_json('ROOT.json.seen', { heads => { $case->{app} => $case->{seen} } })
        if $case->{seen};
}

sub seen { $JSON->decode(Ctl::read_file("$root.seen")) }

cmp_ok scalar @{ $vectors->{cases} }, '>=', 60, 'there are cases';

for my $case (@{ $vectors->{cases} }) {
    given($case);
    my $edge = edge($case);
    my ($code, $out, $err) = plays($case, $edge);
    my $name = ($case->{accept} ? 'takes ' : 'refuses ') . $case->{name};

    is $code, $case->{accept} ? 0 : 3, $name or diag "$out$err";
    if ($case->{accept}) {
        like $out, qr/^answer +roll back version 2: remove it$/m, '... and obeys';
    } else {
        like $err, qr/\Amdsctl: [^\n]+: keep what is installed, and (?:try another edge|tell the vendor)\n\z/,
            '... and says what to do';
    }
}

# The design names the cases of each threat.
{
    my %is_case = map { $_->{name} => 1 } @{ $vectors->{cases} };
    my ($table) = Ctl::read_file("$FindBin::Bin/../../docs/design.md")
        =~ /^\| threat \|.*\n\| ---.*\n((?:\|.*\n)+)/m;
    my @named = map { /`([^`]+)`/g } map { (split / \| /)[-1] } split /\n/, $table;
    cmp_ok scalar @named, '>=', 30, 'the design names cases';
    is_deeply [ grep { !$is_case{$_} } @named ], [], '... that are there';
}

# --- what is remembered

my ($good) = grep { $_->{name} eq 'two roots' } @{ $vectors->{cases} };
given($good);
{
    my $edge = edge($good);
    is judge($good, $edge), 'ok', 'the second client follows two roots';
    $edge->start;
    is +(plays($good, $edge))[0], 0, '... and mdsctl';
    is seen()->{heads}{ $good->{app} }, 812, '... remembers the serial';
    is_deeply seen()->{root}, $JSON->decode($good->{roots}[1]), '... and the newest root';
    is scalar(grep { m{trust/root/} } $edge->requests), 3, '... asks for each once';
    like $edge->heads, qr/^MDS-Want-Proof: 1\r$/m, '... and for a proof';
}
{
    my $edge = edge($good);
    is +(plays($good, $edge))[0], 0, 'again';
    is_deeply [ grep { m{trust/root/} } $edge->requests ], ['GET /mds/v1/trust/root/4'],
        '... from the newest root on';
}
{
    my ($old) = grep { $_->{name} eq 'what is in force' } @{ $vectors->{cases} };
    $d->put_json('ROOT.json.seen', { %{ seen() }, heads => { $good->{app} => 900 } });
    my ($code, undef, $err) = plays($old, edge($old));
    like $err, qr/has serial 812, and one with 900 was seen before/, 'an older head later';
    is seen()->{heads}{ $good->{app} }, 900, '... is not remembered';
}

# --- edges that give nothing, too much, or slowly

given($good);
my %edges = (
    'no head'  => [ { '/mds/v1/trust/head' => { status => 404, body => 'no' } },
        qr/gives no head/ ],
    'an endless head' => [ { '/mds/v1/trust/head' => { body => 'x' x 2_000_000 } },
        qr/more than|longer|exceeds|must have at most|too long|larger/ ],
    'an endless root' => [ { '/mds/v1/trust/root/2' => { body => '{"a":' . '[' x 400_000 } },
        qr/must have at most|level|expected|JSON|json/ ],
    'a head that is not one' => [ { '/mds/v1/trust/head' => { body => '[]' } },
        qr/payloadType/ ],
    'an error' => [ { '/mds/v1/trust/head' => { status => 503, body => '' } }, qr/answers 503/ ],
);
for my $name (sort keys %edges) {
    my ($routes, $words) = @{ $edges{$name} };
    given($good);
    my ($code, undef, $err) = plays($good, edge($good, %$routes));
    isnt $code, 0, "$name: refused";
    like $err, $words, '... says why';
    like judge($good, edge($good, %$routes)), qr/^refused: /, '... by the second client, too';
}
{
    my $edge = edge($good, '/mds/v1/trust/head' => { body => '{', drips => 1,
        headers => { 'Content-Length' => 100_000 } });
    my ($code, undef, $err) = plays($good, $edge, '--least-rate', '10000/1');
    like "$code:$err", qr{^1:.*slower than 10000 bytes}, 'a slow head: given up';
    is judge($good, $edge), 'refused: an answer is too slow', '... by the second client, too';
}

# An answer with nothing to do: the head is demanded all the same.
{
    my %nothing = ('/mds/v1/check' => { status => 204 });
    is +(plays($good, edge($good, %nothing)))[0], 0, 'nothing to do';
    my ($stale) = grep { $_->{name} eq 'a head that has expired' } @{ $vectors->{cases} };
    given($stale);
    my ($code, undef, $err) = plays($stale, edge($stale, %nothing));
    like "$code:$err", qr/^3:.*the head expired on \S+: newer changes are held back/,
        'nothing to do, for ever: noticed';
}

# A catalog that changes between head and check: both are asked once more.
{
    my ($case)  = grep { $_->{name} eq 'what is in force' } @{ $vectors->{cases} };
    my ($small) = grep { $_->{name} eq 'a tree of 3 manifests' } @{ $vectors->{cases} };
    given($case);
    my $edge = Edge->new;
    $edge->answer('/mds/v1/trust/head', map { { type => $dsse, body => $_->{head} } }
        $small, $case);
    $edge->answer('/mds/v1/check', { body => $case->{manifest}, headers => {
        'MDS-Signature' => $case->{signature}, 'MDS-Proof' => $case->{proof} } });
    $edge->start;
    is +(plays($case, $edge))[0], 0, 'a change in between: asks once more';
}

# --- usage

$d->misused(qr/--pub or --root is missing/, 'check', 'http://127.0.0.1:1/', 'app=a',
    'kind=upgrade');
$d->misused(qr/exclude each other/, 'check', 'http://127.0.0.1:1/', '--root', $root, '--pub',
    "$d->{dir}/ops.pub", 'app=a', 'kind=upgrade');
$d->refuses(qr/payloadType/, 'check', 'http://127.0.0.1:1/', '--root',
    $d->put_json('none.json', {}), 'app=a', 'kind=upgrade');

# --- the second client

is python($client, 'vectors', $published), "ok\n",
    'the second client agrees';
is python("$data/make_vectors.py"), Ctl::read_file($published),
    'the vectors are what their program makes';

done_testing;
