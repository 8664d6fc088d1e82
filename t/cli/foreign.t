#!/usr/bin/perl

# Differences made elsewhere: carried as they are, with format, base and
# digests, and undone once, where the tool for it is at hand.

use strict;
use warnings;

use Digest::SHA qw(sha256 sha256_hex);
use File::Path qw(make_path);
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;

my $d   = Depot->new(user => 'root');
my $bin = "$d->{dir}/bin";
my $tmp = "$d->{dir}/tmp";
make_path($bin, $tmp);
$ENV{TMPDIR} = $tmp;

my ($old, $new) = map { Depot::noise('x', 50_000) . $_ } 'old', 'new' x 99;
my %path = (old => $d->put('old', $old), new => $d->put('new', $new));

# A tool in front of all others. Ours undo a difference that is the new file.
sub tool {
    my ($name, $script) = @_;
    my $path = $d->put("bin/$name", "#!/bin/sh\n$script\n");
    chmod 0755, $path or die $!;
    $ENV{PATH} = join ':', grep { $_ ne $bin } split /:/, $ENV{PATH};
    $ENV{PATH} = "$bin:$ENV{PATH}";
}

sub document {
    my ($format, $delta, %more) = @_;
    my $depot = Depot->new(user => 'root', key => $d->{key});
    $depot->put('old', $old);
    $depot->put('new', $new);
    $depot->put('delta', $delta);
    my $document = { app => 'a', packages => [
        { kind => 'sdk', name => 'core', version => '1', file => 'old' },
        { kind => 'sdk', name => 'core', version => '2', file => 'new',
          deltas => [ { from => '1', format => $format, file => 'delta' } ] } ],
        releases => [ { id => 'r', kind => 'sdk', name => 'core',
            version => '2', audience => { all => JSON::PP::true } } ], %more };
    return ($depot, $depot->put_json('doc.json', $document), $document);
}

sub carried {
    my ($depot, $format, $delta, $title) = @_;
    my $said = $depot->decides(qw(app=a kind=sdk name=core version=1))
        ->{manifest}{delta};
    is_deeply $said, { from => '1', from_sha256 => sha256_hex($old),
        format => $format, sha256 => sha256_hex($delta), size => length $delta,
        path => 'files/' . sha256_hex($delta) }, "$title: what the device is told";
    is Ctl::read_file("$depot->{depot}/$said->{path}"), $delta, '... its bytes';
}

sub clean { is_deeply [ glob "$tmp/.tmp-*" ], [], 'nothing stays' }

# --- what our own code undoes, and stock zstd

system("zstd -qq -19 --patch-from=$path{old} $path{new} -o $d->{dir}/zst") == 0
    or die 'zstd';
my $zst = Ctl::read_file("$d->{dir}/zst");
my $dcz = pack('H*', '5e2a4d1820000000') . sha256($old) . $zst;
my $one;
for my $case ([ 'dcz', $dcz ], [ 'zstd', $zst ]) {
    my ($format, $delta) = @$case;
    my ($depot, $file) = document($format, $delta);
    $depot->does('apply', $file);
    carried($depot, $format, $delta, $format);
    clean();

    my $wrong = substr($delta, 0, -9) . 'x' x 9;
    ($depot, $file) = document($format, $wrong);
    $depot->refuses("doc\\.json: /packages/1/deltas/0: the delta"
        . " \\($format\\) does not produce this package from that version: ",
        'apply', $file);
    clean();
}

# Right for zstd, and for another file.
my $other = $d->put('other', $old . 'other');
system("zstd -qq --patch-from=$path{old} $other -o $d->{dir}/zst2") == 0 or die;
(my $depot, my $file) = document('zstd', Ctl::read_file("$d->{dir}/zst2"));
$depot->refuses('/packages/1/deltas/0: .*: something else was made', 'apply',
    $file);

# --- tools: how they are called

my %called = (
    bsdiff  => [ 'bspatch', '$1', '$2', '$3', '$# = 3' ],
    xdelta3 => [ 'xdelta3', '$4', '$6', '$5', '"$# $1 $2 $3" = "6 -d -f -s"' ],
    vcdiff  => [ 'xdelta3', '$4', '$6', '$5', '"$# $1 $2 $3" = "6 -d -f -s"' ],
);
for my $format (sort keys %called) {
    my ($name, $from, $to, $delta, $more) = @{ $called{$format} };
    my $log = "$d->{dir}/log";
    unlink $log;
    tool($name, join ' && ', 'echo called >>' . $log, "test $more",
        "cmp -s $from $path{old}", "cp $delta $to");

    my ($depot, $file) = document($format, $new);
    $depot->does('apply', $file);
    carried($depot, $format, $new, $format);
    is Ctl::read_file($log), "called\n", "$name is asked";
    $depot->does('apply', $file);
    $depot->does(qw(pause a r));
    $depot->does('apply', $depot->put('export', $depot->export('a')));
    is Ctl::read_file($log), "called\n", '... once';
    clean();

    ($depot, $file) = document($format, 'wrong');
    $depot->refuses('/packages/1/deltas/0: .* something else was made', 'apply',
        $file);
    clean();
}

# Another base, or another difference: asked again.
tool('bspatch', "echo called >>$d->{dir}/log; cp \$3 \$2");
($depot, $file, my $document) = document('bsdiff', $new);
$depot->must('apply', $file);
unlink "$d->{dir}/log";
$depot->put('base', 'another base');
splice @{ $document->{packages} }, 1, 0,
    { kind => 'sdk', name => 'core', version => '1.1', file => 'base' };
$document->{packages}[2]{deltas}[0]{from} = '1.1';
$file = $depot->put_json('doc.json', $document);
$depot->must('apply', $file);
is Ctl::read_file("$d->{dir}/log"), "called\n", 'another base is another matter';
$depot->put('delta', 'wrong');
$depot->refuses('/packages/2/deltas/0: ', 'apply', $file);

# --- tools that fail, make nothing, or too much

for my $case (
    [ 'exit 3',                         'bspatch' ],
    [ 'kill -9 $$',                     'bspatch' ],
    [ 'exit 0',                         'nothing was made' ],
    [ "head -c 9000000 /dev/zero >\$2; wc -c <\$2 >$d->{dir}/size; exit 1",
      'bspatch' ],
    [ 'ln -s /etc/passwd $2',           'something else was made' ],
    [ 'test -t 0 || cat; echo noise; echo noise >&2; exit 1', 'bspatch' ],
    [ "echo '\$0' \"\$@\"; exit 1",     'bspatch' ])
{
    my ($script, $words) = @$case;
    tool('bspatch', $script);
    my ($depot, $file) = document('bsdiff', $new);
    $depot->refuses("/packages/1/deltas/0: .*: $words", 'apply', $file);
    clean();
}

cmp_ok Ctl::read_file("$d->{dir}/size"), '<', 2_000_000,
    'what a tool may write is bounded';

# --- nothing to undo it with

for my $format ('bsdiff', 'xdelta3', 'vcdiff', 'zstd', 'own; rm -rf /') {
    unlink glob "$bin/*";
    local $ENV{PATH} = $bin;
    my ($depot, $file) = document($format, 'who knows');
    my ($code, $out, $err) = $depot->run('apply', $file);
    is $code, 0, "$format: done";
    is $err, "mdsctl: warning: /packages/1/deltas/0: the delta ($format)"
        . " from version 1 was not checked: no tool here can apply"
        . " it\n", '... and not checked';
    carried($depot, $format, 'who knows', $format);
    $depot->does(qw(pause a r));
    clean();
}

# --- the real ones

for my $case ([ 'bsdiff', 'bsdiff', "bsdiff $path{old} $path{new} $d->{dir}/p" ],
    [ 'xdelta3', 'xdelta3', "xdelta3 -f -e -s $path{old} $path{new} $d->{dir}/p" ])
{
    my ($format, $tool, $command) = @$case;
    SKIP: {
        skip "no $tool", 1 if system "command -v $tool >/dev/null";
        system($command) == 0 or die $command;
        my ($depot, $file) = document($format, Ctl::read_file("$d->{dir}/p"));
        $depot->does('apply', $file);
    }
}

done_testing;
