#!/usr/bin/perl

# Files of ids and documents as other machines write them: with a byte order
# mark, with CR alone, in UTF-16; and what comes by standard input. A list that
# shrinks says so.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Encode qw(encode);
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;

my $MARK = "\xef\xbb\xbf";
my $d    = Depot->new;

$d->must('publish', $d->put('v1', 'one'), qw(--app a --kind upgrade
    --platform android --version 1));

sub shown { [split /\n/, $d->must(qw(list show a), @_)] }

sub import_list { $d->run(qw(list import a), shift, $d->put('ids', shift), @_) }

# --- a byte order mark

my ($code, $out, $err) = import_list('vip', "${MARK}ceo\r\ncfo\r\n");
is "$code:$err", '0:', 'a list with a mark: done';
like $out, qr/^list vip: 2 ids now, 0 before$/m, 'says how many ids there are';
is_deeply shown('vip'), [qw(ceo cfo)], 'the mark is no part of an id';
$d->must(qw(release a r --kind upgrade --platform android --version 1 --all
    --except vip));
is $d->decides(qw(app=a kind=upgrade platform=android), "user=$_")->{action},
    'none', "$_ is on the list" for qw(ceo cfo);

($code, $out) = import_list('vip', "${MARK}coo\n", '--add');
like $out, qr/^list vip: 3 ids now, 2 before$/m, '--add: the same';
is_deeply shown('vip'), [qw(ceo cfo coo)], 'and the same ids';

$d->must(qw(list add a vip beside));
$d->must(qw(list add a vip ceo));
$d->must(qw(list remove a vip cfo));
my $facts = $d->asks(qw(list import a vip), $d->put('ids', "ceo\ncoo\nx\n"));
is_deeply $facts->{list}, { name => 'vip', ids => 3, before => 3 },
    'single steps are counted, each id once';

$d->does(qw(message push a --to android=1 --until 2096-01-01T00:00:00Z
    --users), $d->put('users', "${MARK}ceo\n"));
is scalar @{ $d->asks(qw(message list a ceo)) }, 1,
    'users of a message: the mark is skipped';

my %doc = (app => 'b', lists => { l => { file => 'ids' } });
my $doc = "$d->{dir}/doc.json";
my $json = JSON::PP->new->utf8->canonical;

$d->put('ids', "${MARK}eve\nfay\n");
$d->put('doc.json', $MARK . $json->encode(\%doc));
like $d->does('apply', $doc, '--dry-run'), qr/\+ list l$/m,
    'a document with a mark, dry';
$d->does('apply', $doc);
is $d->must(qw(list show b l)), "eve\nfay\n", 'a list of a document';
like $d->does('apply', $doc, '--dry-run'), qr/^no change/,
    'a dry run reads the list as it is read';

# --- what is refused, with the line

my %wrong = (
    'CR alone'           => ["a\nb\rc\n", 'line 2: a carriage return'],
    'a CR at the end'    => ["a\nb\r", 'line 2: a carriage return'],
    'an old Mac file'    => [join("\r", map { "user-$_" } 1 .. 99),
        'line 1: a carriage return'],
    'UTF-16'             => [encode('UTF-16LE', "\x{feff}a\nb\n"),
        'line 1: the file is UTF-16; want UTF-8'],
    'UTF-16, big-endian' => [encode('UTF-16BE', "\x{feff}a\nb\n"),
        'line 1: the file is UTF-16; want UTF-8'],
    'UTF-16, no mark'    => [encode('UTF-16LE', "a\nb\n"),
        'line 1: the line has a zero byte'],
    'a zero byte'        => ["a\nb\nc\0d\n", 'line 3: the line has a zero'],
    'a mark inside'      => ["a\n${MARK}b\n", 'line 2: .*byte order mark'],
);

for my $what (sort keys %wrong) {
    my ($text, $words) = @{ $wrong{$what} };
    my $ids = $d->put('ids', $text);

    $d->refuses("\"$ids\", $words", qw(list import a vip), $ids);
    $d->refuses($words, qw(list import a vip --add), $ids);
    $d->refuses($words, qw(message push a --to android=1 --until
        2096-01-01T00:00:00Z --users), $ids);
    $d->refuses("/lists/l/file: .*$words", 'apply', $doc);
    $d->refuses("/lists/l/file: .*$words", 'apply', $doc, '--dry-run');
}

$d->refuses('byte order mark', qw(list add a vip), "${MARK}x");
$d->refuses('doc\.json, line 1: the file is UTF-16', 'apply',
    $d->put('doc.json', encode('UTF-16LE', "\x{feff}{}")));
$d->refuses('doc\.json, line 2: the file has a zero byte', 'apply',
    $d->put('doc.json', "{\n\"app\": \"a\0\"}"));
$d->refuses('doc\.json: the file is empty; want a document', 'apply',
    $d->put('doc.json', $_)) for '', $MARK;
$d->refuses('doc\.json: the text is empty', 'apply',
    $d->put('doc.json', " \r\n"));

# --- a list that shrinks

sub warned { $_[0] =~ /^mdsctl: warning: (.*)$/m ? $1 : '' }

($code, $out, $err) = import_list('vip', join '', map { "u$_\n" } 1 .. 10);
is warned($err), '', 'a list that grows says nothing';
($code, $out, $err) = import_list('vip', join '', map { "u$_\n" } 1 .. 5);
is "$code:" . warned($err), '0:', 'half of it stays: nothing';
($code, $out, $err) = import_list('vip', "u1\nu2\n");
is "$code:" . warned($err), '0:list "vip" loses more than half of its ids: it'
    . ' has 2 now, and had 5 before', 'more than half is lost';
$facts = $d->asks(qw(list import a vip), $d->put('ids', "\n"));
is_deeply $facts->{warnings},
    ['list "vip" has no ids now; it had 2 before'], 'an empty file, in JSON';
is_deeply shown('vip'), [], 'and it is done';
($code, $out, $err) = import_list('fresh', '');
like warned($err), qr/"fresh" has no ids now/, 'a new list of an empty file';

$d->put('ids', "eve\n");
$d->put_json('doc.json', \%doc);
($code, $out, $err) = $d->run('apply', $doc);
is "$code:" . warned($err), '0:', 'a document: half stays';
$d->put('ids', '');
for my $dry ('--dry-run', ()) {
    ($code, $out, $err) = $d->run('apply', $doc, $dry);
    is "$code:" . warned($err),
        '0:list "l" has no ids now; it had 1 before', 'a document empties one';
}
$d->put_json('doc.json', { app => 'b', lists => { k => { ids => [] } } });
$d->does('apply', $doc);

$d->must(qw(list add a few one two three));
($code, $out, $err) = $d->run(qw(list remove a few one two));
like warned($err), qr/"few" loses more than half/, 'by single steps, too';

# --- standard input

sub by_stdin {
    my ($text, @args) = @_;
    local $Ctl::stdin = $d->put('stdin', $text);
    local $ENV{TMPDIR} = "$d->{dir}/tmp";
    mkdir $ENV{TMPDIR};
    my @result = $d->run(@args);
    is_deeply [glob "$ENV{TMPDIR}/{.t,}*"], [], "@args: leaves nothing behind";
    return @result;
}

($code, $out) = by_stdin("x\ny\n", qw(list import a piped -));
is $code, 0, 'list import -';
is_deeply shown('piped'), [qw(x y)], 'the ids are those';
($code, $out, $err) = by_stdin("x\0\n", qw(list import a piped -));
like "$code:$err", qr/^1:.*standard-input", line 1: /, 'a wrong one';
($code) = by_stdin("x\n", qw(message push a --to android=1 --until
    2096-01-01T00:00:00Z --users -));
is $code, 0, 'message push --users -';
is scalar @{ $d->asks(qw(message list a x)) }, 1, 'reaches them';
($code) = by_stdin('two', qw(publish - --app a --kind upgrade --platform
    android --version 2));
is $code, 0, 'publish -';
is $d->asks(qw(export a))->{packages}[1]{sha256},
    Digest::SHA::sha256_hex('two'), 'publishes what came';
$d->put('ids', "z\n");
{
    chdir $d->{dir};
    ($code) = by_stdin($json->encode({ app => 'c', lists => { l => { file =>
        'ids' } } }), qw(apply -));
    chdir '/';
}
is $code, 0, 'apply -';
is $d->must(qw(list show c l)), "z\n",
    'its files are relative to the current folder';
($code, $out, $err) = by_stdin('{', qw(apply -));
like "$code:$err", qr/^1:mdsctl: standard input:1:1: /, 'a wrong document';

done_testing;
