#!/usr/bin/perl

# apply and export: a document whole or not at all, tried without a trace, and
# never over what somebody did by hand.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;

my $d = Depot->new(user => 'root');
my $json = JSON::PP->new->utf8->canonical;

sub document {
    my (%more) = @_;
    return {
        app      => 'a',
        lists    => { staff => { ids => ['alice'] } },
        packages => [ map { { kind => 'upgrade', platform => 'android',
            version => "$_", file => "v$_" } } 1 .. 3 ],
        releases => [ { id => 'r', kind => 'upgrade', platform => 'android',
            version => '3', audience => { all => JSON::PP::true } } ],
        %more
    };
}

my $common = Depot::noise('common', 30_000);
$d->put("v$_", $common . Depot::noise($_, 500)) for 1 .. 4;
$d->put_json('doc.json', document());
my $doc = "$d->{dir}/doc.json";

# Old generations are there to be collected, or not.
$d->must(qw(list add other l), "u$_") for 1 .. 7;

# --- a dry run leaves no trace

sub listing { [map { join ' ', $_, (stat "$d->{depot}/$_")[2, 9], -s _ }
    map { my $folder = $_; map { "$folder/$_" } $d->files($folder) }
    '.', qw(files lists catalog state)] }

my $before = $d->tree;
my $listing = listing();
my $out = $d->does('apply', $doc, '--dry-run');
is $out, <<'END', 'says what would change';
would change, after serial 7:
  + list staff
  + package upgrade 1 android
  + package upgrade 2 android
  + package upgrade 3 android
  + release r
END
$d->untouched($before, 'dry run');
{
    is_deeply listing(), $listing, 'dry run: not even what is old goes';
}
is $d->serial, 7, 'dry run: the serial stays';

my $facts = $d->asks('apply', $doc, '--dry-run');
is_deeply [@$facts{qw(serial dry_run)}], [7, JSON::PP::true], 'dry run: json';
is_deeply [map { $_->{what} } @{ $facts->{changes} }],
    [qw(list package package package release)], 'dry run: the changes';
{
    local $d->{key};
    $d->does('apply', $doc, '--dry-run');
}

# --- all of it

$out = $d->does('apply', $doc);
like $out, qr/^serial 8\n  \+ list staff\n/, 'is one change';
is $d->decides(qw(app=a kind=upgrade platform=android version=1))->{version},
    '3', 'and in force';
is $d->asks('log')->[0]{serial}, 8, 'one entry of the log';
is $d->asks('log')->[1]{serial}, 7, 'and no more';

# --- again

$before = $d->tree;
like $d->does('apply', $doc), qr/^no change: .*\b8$/m, 'again: no change';
is_deeply [grep { /journal|CURRENT|files|lists/ }
    Depot::diff($before, $d->tree)], [], 'again: nothing is written';
{
    local $d->{key};
    $d->does('apply', $doc);
}

my $export = $d->export('a');
my $again  = $d->put('export.json', $export);
like $d->does('apply', $again), qr/^no change/, 'an export is no change';
is $d->export('a'), $export, 'and the same again';
is decode_json($export)->{serial}, 8, 'it has the serial';
is_deeply [map { $_->{sha256} } @{ decode_json($export)->{packages} }],
    [map { sha256_hex($common . Depot::noise($_, 500)) } 1 .. 3],
    'and the files by their digests';
ok !grep({ exists $_->{file} } @{ decode_json($export)->{packages} }),
    'not by their names';
is_deeply $d->asks('export', 'a'), decode_json($export), 'as with --json';

# An export goes into a depot that has the files, wherever it lies.
mkdir "$d->{dir}/elsewhere";
rename $again, "$d->{dir}/elsewhere/export.json";
$d->does('apply', "$d->{dir}/elsewhere/export.json");

# --- from any folder, "file" is where the document is

{
    my $two = Depot->new(user => 'root', key => $d->{key});
    $two->put('v1', 'one');
    my $sub = $two->put_json('doc', { app => 'a', packages => [ { kind =>
        'upgrade', version => '1', file => 'v1' } ] });
    $two->does('apply', $sub);
    is_deeply [grep { !/minisig/ } $two->files('files')], [sha256_hex('one')],
        'relative to the document';
    $two->put_json('doc', { app => 'a', packages => [ { kind => 'upgrade',
        version => '2', file => "$d->{dir}/v2" } ] });
    like $two->does('apply', $sub, '--allow-outside'), qr/\+ package upgrade 2$/m,
        'or from the root';
}

# --- whole or not at all

for my $case (
    ['its third file is missing', '/packages/3/file: .*v-none',
        packages => [ @{ document()->{packages} }[0 .. 1], { kind => 'upgrade',
            platform => 'android', version => '4', file => 'v4' }, { kind =>
            'upgrade', platform => 'android', version => '5',
            file => 'v-none' } ], releases => []],
    ['a file is a directory', '/packages/0/file: .*must be a regular file',
        packages => [ { kind => 'upgrade', version => '1', file => '.' } ],
        releases => []],
    ['a digest is not stored', '/packages/0/sha256: .*is not stored',
        packages => [ { kind => 'upgrade', version => '1',
            sha256 => 'ab' x 32 } ], releases => []],
    ['a list that is not stored', '/lists/x/sha256: .*is not stored',
        lists => { x => { sha256 => 'ab' x 32 } }],
    ['a list with a line that is no UTF-8', '/lists/x/file: .*line 2: .*UTF-8',
        lists => { x => { file => 'bad-ids' } }],
    ['a release of nothing', '/releases/0/version: .*no package of upgrade',
        releases => [ { %{ document()->{releases}[0] }, version => '9' } ]],
    ['a list that is none', '/releases/0/audience/lists/0: .*"nobody"',
        releases => [ { %{ document()->{releases}[0] },
            audience => { lists => ['nobody'] } } ]],
    ['a typing error', '/releses: unknown key', releses => []],
    ['an app of no name', '/app: ', app => ''],
    ['an external list with ids', '/lists/staff: an external list',
        lists => { staff => { external => JSON::PP::true, ids => ['x'] } }],
    ['a serial that is none', '/serial: ', serial => 'eight'],
) {
    my ($what, $words, %wrong) = @$case;
    $d->put('bad-ids', "good\n\xff\xfe\nalso-good\n");
    my $wrong = $d->put_json('wrong.json', document(%wrong));
    my @words = ("wrong\\.json: $words");

    {
        $d->refuses(@words, 'apply', $wrong);
    }
    $d->refuses(@words, 'apply', $wrong, '--dry-run');
}

$d->refuses('cut\.json:1:12: ', 'apply', $d->put('cut.json', '{"app": "a",'));
$d->refuses('cut\.json: .*object', 'apply', $d->put('cut.json', '[]'));
$d->refuses('none\.json": No such file', 'apply', "$d->{dir}/none.json");
$d->refuses('doubled|duplicate|twice', 'apply',
    $d->put('two.json', '{"app": "a", "app": "b"}'));
$d->misused('one argument too many', 'apply', $doc, $doc);
$d->misused('argument is missing', 'apply');
$d->refuses('there is no app "nope"', 'export', 'nope');
{
    local $d->{key};
    $d->put_json('new.json', document(releases => [ document()->{releases}[0],
        { id => 's', kind => 'upgrade', platform => 'android', version => '2',
          audience => { all => JSON::PP::true } } ]));
    $d->refuses('release "s" must be signed: give --key FILE', 'apply',
        "$d->{dir}/new.json");
}

# --- what was done by hand is not put back in silence

$d->must(qw(promote a r --percent 10));
$d->must(qw(list add other l more));   # another app's step is none of this
$d->must(qw(pause a r));

my $err = $d->refuses('2 single steps', 'apply', $doc);
like $err, qr/\d+ pause a r .*\d+ promote a r --percent 10/, 'and lists them';
unlike $err, qr/other/, 'but for those of other apps';
{
    $d->refuses('2 single steps', 'apply', $doc, '--dry-run');
}

my $now = decode_json($d->export('a'));
$d->put_json('stale.json', { %$now, serial => $now->{serial} - 3,
    poll => { after_s => 7 } });
$d->refuses('2 single steps', 'apply', "$d->{dir}/stale.json");
{
    $d->put_json('future.json', { %{ document() }, serial => 1_000_000 });
    $d->refuses('serial', 'apply', "$d->{dir}/future.json", '--dry-run');
}

$d->put_json('now.json', { %$now, poll => { after_s => 60 } });
like $d->does('apply', "$d->{dir}/now.json"), qr/^  \+ poll$/m,
    'with the present serial it goes';
is decode_json($d->export('a'))->{releases}[0]{state}, 'paused',
    'and has the steps in it';

$d->does('apply', "$d->{dir}/now.json");
$d->must(qw(resume a r));
$d->refuses('1 single step ', 'apply', $doc);
like $d->does('apply', $doc, '--force'), qr/^  ~ release r: /m,
    '--force puts them back';
like $d->does('apply', $doc), qr/^no change/, 'and that is that';

$d->must(qw(list add a staff), "u$_") for 1 .. 7;
$err = $d->refuses('7 single steps', 'apply', $doc);
like $err, qr/; .*u3.*; …/, 'many are not all told';
$d->must('apply', $doc, '--force');

# --- lists: files of ids, external ones

my $ids = $d->put('ids', "\r\nbob\r\n\n\ncarol\n dave \r\nlast");
$d->put_json('lists.json', document(lists => {
    f => { file => 'ids' }, dev => { file => 'ids', by => 'device' },
    x => { external => JSON::PP::true },
}, releases => [ { %{ document()->{releases}[0] },
    audience => { lists => ['f', 'dev', 'x'] } } ]));
$d->does('apply', "$d->{dir}/lists.json");
is $d->must(qw(list show a f)), "bob\ncarol\n dave \nlast\n",
    'CRLF and blank lines';

sub hits {
    $d->decides(qw(app=a kind=upgrade platform=android), @_)->{action}
        eq 'install';
}
ok hits('user=bob'), 'a user of the file';
ok hits('user=last'), 'the last line needs no end';
ok !hits('user=dave'), 'blanks belong to the id';
ok hits('device=bob'), 'a device of the file';
ok !hits('device=x', 'user=x'), 'nobody else';
my $sha = sha256_hex(Ctl::read_file($ids));
is_deeply decode_json($d->export('a'))->{lists},
    { f => { sha256 => $sha }, dev => { sha256 => $sha, by => 'device' },
      x => { external => JSON::PP::true } }, 'the export names the digest';

$d->must(qw(list add a x eve));
ok hits('user=eve'), 'the external list has what `list` put in';
$d->put_json('lists2.json', { %{ decode_json($d->export('a')) },
    poll => { after_s => 30 } });
$d->does('apply', "$d->{dir}/lists2.json");
ok hits('user=eve'), 'and keeps it when a document is applied';
like $d->does('apply', "$d->{dir}/lists2.json"), qr/^no change/,
    'which is no change the next time';

# Steps on an external list are not the document's.
$d->must(qw(list add a x frank));
my ($code) = $d->run('apply', "$d->{dir}/lists.json", '--dry-run');
is $code, 0, 'and are no conflict';

# --- the document of the interface, with files

my $full = Depot->new(user => 'root', key => $d->{key});
$full->put($_, Depot::noise($_, 3000)) for qw(shop-3.1.0.apk shop-3.2.0.apk
    home.zip fix-2.patch core-5.0.zip core-5.2-arm64.zip);
$full->put('beta-users.txt', "b1\r\nb2\r\n");
$full->put('lab-devices.txt', "lab-1\n");
my $example = $full->put('shop.json', do { local $/; <DATA> });
$full->does('apply', $example, '--dry-run');
$full->does('apply', $example);
$export = $full->export('com.example.shop');
like $full->does('apply', $full->put('e.json', $export)), qr/^no change/,
    'the whole example, out and in';
is $full->export('com.example.shop'), $export, 'stays the same';
is $full->serial, 1, 'the serial too';
like $full->does('apply', $example), qr/^no change/, 'and the example itself';
is $full->decides(qw(app=com.example.shop kind=upgrade platform=android
    version=3.1.0 user=alice brand=Redmi os_version=10))->{release},
    'a-3.2.0', 'it works';

# The same export into an empty depot: the files are not there.
my $fresh = Depot->new(user => 'root', key => $d->{key});
$fresh->refuses('is not stored in the depot', 'apply', "$full->{dir}/e.json");

# --- what is said to the app has a most, by itself and put together

my $said = Depot->new(user => 'root', key => $d->{key});
$said->put('v1', 'a package');

# An object of so many bytes as JSON.
sub said {
    my ($key, $bytes) = @_;
    return { $key => 'x' x ($bytes - length qq({"$key":""})) };
}

sub says {
    my ($package, $release) = @_;
    return $said->put_json('said.json', { app => 'a',
        packages => [ { kind => 'hotfix', version => '1', file => 'v1',
            $package ? (meta => $package) : () } ],
        releases => [ { id => 'r', kind => 'hotfix', version => '1',
            audience => { all => JSON::PP::true },
            $release ? (meta => $release) : () } ] });
}

$said->refuses('/packages/0/meta: found 65537 bytes of JSON; must be at most 65536',
    'apply', says(said('a', 65_537)));
$said->refuses('/releases/0/meta: found 65537 bytes of JSON; must be at most 65536',
    'apply', says(undef, said('a', 65_537)));
# {"a":…,"b":…} has a byte less than the two of them.
$said->refuses('/releases/0/meta: found 65537 bytes of JSON together with the'
    . ' "meta" of its package; must be at most 65536',
    'apply', says(said('a', 40_000), said('b', 25_538)));
$said->refuses("$said->{dir}/said.json: /releases/0/meta: found 65537 bytes of"
    . ' JSON together', 'apply', says(said('a', 40_000), said('b', 25_538)));
$said->misused('--meta: found 65540 bytes', 'publish',
    "$said->{dir}/v1", qw(--app a --kind hotfix --version 2 --meta), $json->encode(said('a', 65_540)));
$said->does('apply', says(said('a', 40_000), said('b', 25_537)));
$said->misused('--meta: found 65537 bytes of JSON together', 'release',
    qw(a r2 --kind hotfix --version 1 --all --meta),
    $json->encode(said('b', 25_538)));
$said->does('apply', '--force', says(said('a', 60_000), said('a', 60_000)));
$said->does('apply', '--force', says(said('a', 65_536)));

done_testing;

__DATA__
{
  "app": "com.example.shop",
  "poll": { "after_s": 1800, "jitter_s": 300 },
  "channels": { "xiaomi": { "delta": false } },
  "lists": {
    "staff":  { "ids": ["alice", "bob"] },
    "beta":   { "file": "beta-users.txt" },
    "lab":    { "file": "lab-devices.txt", "by": "device" },
    "qa":     { "patterns": ["^qa-[0-9]+$"] },
    "crm":    { "external": true }
  },
  "packages": [
    { "kind": "upgrade", "platform": "android", "version": "3.1.0", "file": "shop-3.1.0.apk" },
    { "kind": "upgrade", "platform": "android", "version": "3.2.0", "file": "shop-3.2.0.apk",
      "meta": { "notes": { "en": "Faster", "zh": "更快" } } },
    { "kind": "bundle", "name": "20000067", "platform": "android", "version": "1.4.0", "file": "home.zip",
      "app_version": { "min": "3.0.0" }, "deltas": 5, "meta": { "download": "wifi", "install": "preload" } },
    { "kind": "hotfix", "platform": "android", "version": "2", "file": "fix-2.patch",
      "app_version": { "min": "3.1.0", "max": "3.1.0" } },
    { "kind": "sdk", "name": "core", "platform": "android", "channel": "xiaomi", "version": "5.0",
      "file": "core-5.0.zip", "delivery": "embedded" },
    { "kind": "sdk", "name": "core", "platform": "android", "version": "5.2", "file": "core-5.2-arm64.zip",
      "rules": [ { "attribute": "cpu", "op": "in", "values": ["arm64-v8a"] } ] }
  ],
  "releases": [
    { "id": "a-3.2.0", "kind": "upgrade", "platform": "android", "version": "3.2.0",
      "audience": { "lists": ["staff"], "percent": 5 },
      "rules": [ { "attribute": "brand", "op": "in", "values": ["Xiaomi", "Redmi"] },
                 { "attribute": "os_version", "op": "range", "min": "9", "max": "14" } ],
      "meta": { "prompt": "once", "remind_hours": 72 } },
    { "id": "home-1.4.0", "kind": "bundle", "name": "20000067", "platform": "android", "version": "1.4.0",
      "audience": { "window": { "count": 5000, "by": "device", "until": "2026-12-01T00:00:00Z" } } },
    { "id": "dark-on", "kind": "config", "name": "theme.dark", "value": true, "audience": { "percent": 30 } },
    { "id": "core", "kind": "sdk", "name": "core", "platform": "android", "version": "5.2", "audience": { "all": true },
      "delta": { "stage": "4.0", "force_full": ["4.7"], "missing": "none" } }
  ]
}
