#!/usr/bin/perl

# An app's key: no other signs it by mistake, two apps may share a file, and
# whoever verified before verifies on, in the middle of a change of keys too.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use File::Copy qw(copy);
use JSON::PP;
use MIME::Base64;
use Test::More;

use Ctl ();
use Depot;

sub keyid {
    my ($key) = @_;
    my ($id) = Ctl::read_file($key =~ s/key$/pub/r) =~ / ([0-9A-F]{16})$/m;
    return $id // die "$key: no key id";
}

# What stock minisign says of the package by this key, found as a device finds
# it: by the path that its manifest names.
sub holds {
    my ($d, $key, $app, @about) = @_;
    my $full = $d->decides("app=$app", @about)->{manifest}{full} or return 0;
    my $pub = $key =~ s/key$/pub/r;
    return system("minisign -V -q -p '$pub' -m '$d->{depot}/$full->{path}'"
        . " -x '$d->{depot}/$full->{minisig}' >/dev/null 2>&1") == 0;
}

# The same for a client that knows no more than the file's digest.
sub holds_common {
    my ($d, $key, $sha) = @_;
    my $pub = $key =~ s/key$/pub/r;
    return system("minisign -V -q -p '$pub' -m '$d->{depot}/files/$sha'"
        . " >/dev/null 2>&1") == 0;
}

sub whole {
    my ($d, $name, @keys) = @_;
    my ($code, $out) = $d->run('verify', map { ('--pub', s/key$/pub/r) } @keys);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $code, 0, "$name: verify finds nothing" or diag $out;
}

my $d = Depot->new(user => 'root');
my ($one, $two) = map { "$d->{dir}/$_.key" } qw(one two);
for my $key ($one, $two) {
    (Ctl::ctl('keygen', $key =~ s/\.key$//r))[0] == 0 or die 'keygen';
}
my ($id1, $id2) = map { keyid($_) } $one, $two;
my @core = qw(kind=sdk name=core);
$d->{key} = $one;

# Publishes and releases the file as an SDK of the app.
sub sdk {
    my ($app, $file, $key) = @_;
    local $d->{key} = $key;
    $d->must('publish', $file, '--app', $app, qw(--new-app --kind sdk --name core
        --version 1));
    $d->must('release', $app, 'r', qw(--kind sdk --name core --version 1
        --all));
}

# --- two apps with the same file, each with a key of its own

my $lib = $d->put('lib', 'a shared sdk');
my $sha = sha256_hex('a shared sdk');
sdk('one', $lib, $one);
ok holds($d, $one, 'one', @core), 'one app: verifies';
sdk('two', $lib, $two);
ok holds($d, $one, 'one', @core), 'shared: the first app verifies on';
ok holds($d, $two, 'two', @core), 'shared: so does the second';
ok holds_common($d, $one, $sha), 'shared: the common name stays';
is $d->decides('app=two', @core)->{manifest}{full}{minisig},
    "files/$sha.$id2.minisig", 'shared: the manifest names the key';
whole($d, 'shared', $one, $two);
my %key = map { $_->{app} => $_->{keyid} } @{ $d->asks('status')->{apps} };
is_deeply \%key, { one => $id1, two => $id2 }, 'status: each has its own';
is_deeply [sort map { $_->{keyid} } @{ $d->asks('verify')->{keys} }],
    [sort $id1, $id2], 'verify: names both';
is $d->asks('log')->[0]{keyid}, $id2, 'log: names the one';

# --- another key changes nothing, whatever the command

{
    local $d->{key} = $two;
    my $words = qr/app "one" is signed by key $id1, .* is $id2: .*rekey one/;
    my $new = $d->put('new', 'another sdk');

    $d->put_json('doc.json', { app => 'one' });
    for my $command (['pause', 'one', 'r'], [qw(list add one l x)],
        ['publish', $new, qw(--app one --kind sdk --name core --version 2)],
        ['apply', "$d->{dir}/doc.json"],
        ['apply', "$d->{dir}/doc.json", '--dry-run'],
        [qw(release one s --kind sdk --name core --version 1 --all)],
        [qw(promote one r --percent 5)])
    {
        $d->refuses($words, @$command);
    }
    $d->refuses(qr/there is no app "none"/, qw(rekey none));
    $d->misused('argument is missing', qw(rekey));
}
{
    local $d->{key};
    delete local $ENV{MDS_KEY};
    $d->misused('--key is missing', qw(rekey one));
    $d->must(qw(list add new l x --new-app));
    $d->refuses(qr/nothing of app "new" is signed yet/, 'rekey', 'new',
        '--key', $two);
}

# --- the change of keys: one app after the other, and all the time each app's
# devices verify what they have been told, and what they are told

sdk('three', $lib, $one);
my $before = $d->decides('app=one', @core)->{manifest};
my $out = $d->does('rekey', 'one', '--key', $two);
like $out, qr/^  ~ key: $id1 -> $id2$/m, 'rekey: says from what to what';
ok holds($d, $two, 'one', @core), 'rekeyed: verifies by the new key';
ok holds($d, $one, 'three', @core), 'rekeyed: the third app verifies on';
ok holds($d, $two, 'two', @core), 'rekeyed: so does the second';
ok holds_common($d, $one, $sha), 'rekeyed: the common name is still needed';
ok system("minisign -V -q -p '$d->{dir}/one.pub' -m '$lib' -x"
    . " '$d->{depot}/$before->{full}{minisig}' >/dev/null 2>&1") == 0,
    'rekeyed: who was told before finds the old signature';
isnt $d->decides('app=one', @core)->{manifest}{serial}, $before->{serial},
    'rekeyed: manifests are new ones';
whole($d, 'rekeyed', $one, $two);
{
    my $again = $d->does('rekey', 'one', '--key', $two);
    like $again, qr/^no change/, 'the same key again: nothing to do';
    $d->refuses(qr/signed by key $id2, .* is $id1/, qw(pause one r));
    local $d->{key} = $two;
    my $serial = $d->asks('log')->[0]{serial};
    $d->refuses(qr/another key, $id2\. .*key $id1/, 'revert', $serial);
}
$d->must('rekey', 'three', '--key', $two);
ok holds_common($d, $two, $sha), 'nobody has the old key: the common name is new';
whole($d, 'all rekeyed', $one, $two);

# --- gc, snapshot and restore

my $old = "files/$sha.$id1.minisig";
$d->must(qw(gc --grace 0));
ok -e "$d->{depot}/$old", 'gc: kept while a generation names it';
{
    local $d->{key} = $two;
    copy("$d->{depot}/$old", "$d->{depot}/files/$sha.0123456789ABCDEF.minisig")
        or die "copy: $!";
    my @gone = map { $_->{name} }
        @{ $d->asks(qw(gc --grace 0))->{removed} };
    is_deeply \@gone, ["files/$sha.0123456789ABCDEF.minisig"],
        'gc: that of a key that nobody has goes';
}
$d->must('snapshot', "$d->{dir}/snapshot");
my $copy = Depot->new(user => 'root', dir => $d->{dir}, depot => "$d->{dir}/init",
    key => $two);
$copy->{depot} = "$d->{dir}/copy";
$copy->must('restore', "$d->{dir}/snapshot");
is_deeply [$copy->files('files')], [$d->files('files')],
    'restored: each signature';
ok holds($copy, $two, 'one', @core), 'restored: verifies';
{
    local $copy->{key} = $one;
    $copy->refuses(qr/signed by key $id2/, qw(pause one r));
}

# --- a depot that an older program has written

sub older {
    my ($name, $key) = @_;
    my $o = Depot->new(user => 'root', dir => $d->{dir}, depot => "$d->{dir}/init",
        key => "$d->{dir}/older-$key.key");
    $o->{depot} = "$d->{dir}/$name";
    my ($code, undef, $err) = $o->run('restore', "$FindBin::Bin/older/depot.tar.zst");
    is $code, 0, "$name: a snapshot by an older program is restored" or diag $err;
    is $err, "mdsctl: warning: the snapshot's generation is of another format and not"
        . " served: the next change by mdsctl makes it anew\n", '... with a warning';
    return $o;
}

for my $key (qw(one two)) {
    copy("$FindBin::Bin/older/$key.$_", "$d->{dir}/older-$key.$_") or die
        for qw(key pub);
}
my ($older1, $older2) = map { "$d->{dir}/older-$_.key" } qw(one two);
my @shop = qw(kind=upgrade platform=android device=d);
my $shared = sha256_hex("shared sdk\n");

my $o = older('older', 'one');
my ($code, $found) = $o->run('verify');
is $code, 1, 'older: verify finds what is signed by the wrong app';
my ($theirs, $ours) = (keyid($older2), keyid($older1));
my $said = "files/$shared.minisig is of key $theirs, and the manifest of key"
    . " $ours";
like $found, qr{^journal, app com\.example\.one: $said}m,
    'older: which file, and whose';

# Without the key: nothing is signed, and nothing stops.
{
    local $o->{key};
    $o->must(qw(pause com.example.one r2));
    is $o->decides('app=com.example.one', @shop)->{manifest}{full}{minisig},
        undef, 'older, without the key: the old manifest is good';
    is $o->asks('status', 'com.example.one')->{apps}[0]{keyid},
        keyid($older1), 'older: the key is remembered';
    ok holds_common($o, $older1, $o->decides('app=com.example.one', @shop)
        ->{manifest}{full}{sha256}), 'older: it verifies';
}

# Another key is refused, also by the first change, which makes the generation
# anew and nothing else.
$o = older('older-2', 'two');
{
    my $before = $o->tree;
    my ($code, $out, $err) = $o->run(qw(pause com.example.one r2));
    is "$code:$out", '1:', 'older: the first change is refused';
    like $err, qr/\Amdsctl: [^\n]*is signed by key $ours\b[^\n]*\n\z/,
        '... and says why';
    is_deeply [ Depot::diff($before, $o->tree) ], ['/catalog/9.mdb'],
        '... once it has made the generation anew';
    is $o->decides('app=com.example.one', @shop)->{manifest}{full}{minisig},
        undef, '... with the manifest of before';
}
$o->refuses(qr/is signed by key @{[keyid($older1)]}/,
    qw(pause com.example.one r2));

# With the key, all of the app gets its names. Its document was one record of
# the journal, and is kept by parts from now on.
$o = older('older-3', 'one');
my $was = $o->asks(qw(export com.example.one));
$o->must(qw(pause com.example.one r2));
$_->{state} = 'paused' for grep { $_->{id} eq 'r2' } @{ $was->{releases} };
$was->{serial}++;
is_deeply $o->asks(qw(export com.example.one)), $was,
    'older: the document is taken over';
{
    my $copy = older('older-3-whole', 'one');
    my $journal = Ctl::read_file("$o->{depot}/journal/data.mdb");
    like $journal, qr/com\.example\.oneThisMdsctlIsTooOld \{/,
        'older: which an older mdsctl cannot read as a whole one';
    unlike Ctl::read_file("$copy->{depot}/journal/data.mdb"),
        qr/ThisMdsctlIsTooOld/, '... as it could before';
}
ok holds($o, $older1, 'com.example.one', @shop), 'older: taken over';
ok holds($o, $older1, 'com.example.one', @core),
    'older: the shared file is mended';
ok holds_common($o, $older2, $shared), 'older: the common name stays';
{
    local $o->{key} = $older2;
    $o->must(qw(list add com.example.two l x));
}
ok holds($o, $older2, 'com.example.two', @core), 'older: the other app as well';
whole($o, 'taken over', $older1, $older2);

# What the old key has signed, and is noted, is not taken up again without a
# key once the app has another.
$o = older('older-4', 'one');
my $document = $o->asks(qw(export com.example.one));
$document->{releases} = [grep { $_->{id} ne 'r2' } @{ $document->{releases} }];
$o->put_json('less.json', $document);
$o->must('apply', "$d->{dir}/less.json");
my $less = $o->asks('log')->[0]{serial};
$o->must('rekey', 'com.example.one', '--key', $two);
{
    local $o->{key};
    $o->refuses(qr/"r2" must be signed: .*the app's key is $id2/, 'revert',
        $less);
    local $o->{key} = $two;
    $o->must('revert', $less);
}
whole($o, 'taken up again', $two, $older1, $older2);

# A first package decides, where nothing was signed.
{
    local $o->{key} = $one;
    sdk_of($o, 'com.example.new');
}
is $o->asks('status', 'com.example.new')->{apps}[0]{keyid}, $id1,
    'older: the first package decides';

sub sdk_of {
    my ($at, $app) = @_;
    $at->must('publish', $lib, '--app', $app, qw(--new-app --kind sdk --name core
        --version 1));
}

done_testing;
