#!/usr/bin/perl

# Roots: made offline, by several people, on several machines. A version is in
# force once enough keys of the one before and of its own have signed it, and a
# key counts once, however it is named.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64;
use Test::More;

use Ctl ();
use Depot;

my $d = Depot->new(user => 'root');
my %id;

sub keyid {
    my ($name) = @_;
    my ($id) = Ctl::read_file("$d->{dir}/$name.pub") =~ / ([0-9A-F]{16})$/m;
    return $id // die "$name: no key id";
}

sub keygen {
    for my $name (@_) {
        (Ctl::ctl('keygen', "$d->{dir}/$name"))[0] == 0 or die 'keygen';
        $id{$name} = keyid($name);
    }
}

sub json { JSON::PP->new->utf8->decode($_[0]) }

# Several values stand behind one option, which comes after the file.
sub keys_of { my ($option, @names) = @_; ($option, map { "$d->{dir}/$_.pub" } @names) }

my $file = "$d->{dir}/root.json";

sub signs { $d->asks(qw(trust sign), $file, '--key', "$d->{dir}/$_[0].key") }

keygen(qw(anna ben cleo dora eve head head2 ops2));
$id{ops} = keyid('ops');

# --- the first version

$d->does(qw(trust init), $file, keys_of('--root-key', qw(anna ben cleo)),
    qw(--threshold 2), keys_of('--sign-key', 'ops'), keys_of('--head-key', 'head'),
    qw(--expires 2090-01-01T00:00:00Z));
my $shown = $d->asks(qw(trust show), $file);
my $root  = $shown->{root};
is $root->{version}, 1, 'version 1';
is $root->{expires}, '2090-01-01T00:00:00Z', '... expires';
is_deeply [ sort keys %{ $root->{keys} } ], [ sort @id{qw(anna ben cleo ops head)} ],
    '... its keys';
is length decode_base64($root->{keys}{ $id{anna} }), 32, '... of 32 bytes';
is_deeply $root->{roles}, {
    root => { keyids => [ @id{qw(anna ben cleo)} ], threshold => 2 },
    sign => { keyids => [ $id{ops} ],  threshold => 1 },
    head => { keyids => [ $id{head} ], threshold => 1 },
}, '... its roles';
ok !$shown->{complete}, '... not signed';
is_deeply $shown->{needs}, [ { version => 1, threshold => 2, signatures => 0 } ],
    '... two are missing';

ok !signs('anna')->{complete}, 'one signature is too few';
ok !signs('anna')->{complete}, '... and twice the same is one';
is scalar @{ signs('anna')->{signatures} }, 1, '... which replaces the other';
my $payload = json(Ctl::read_file($file))->{payload};
ok signs('cleo')->{complete}, 'two are enough';
is json(Ctl::read_file($file))->{payload}, $payload, 'the signed bytes stay';
$d->refuses(qr/key $id{ops} is not a root key of version 1/, qw(trust sign), $file,
    '--key', "$d->{dir}/ops.key");

# A signature that names a key, but is another's.
{
    my $envelope = json(Ctl::read_file($file));
    $_->{sig} = encode_base64("\0" x 64, '') for $envelope->{signatures}[0];
    my $bad = $d->put_json('bad.json', $envelope);
    ok !$d->asks(qw(trust show), $bad)->{complete}, 'a wrong signature does not count';
    is $d->asks(qw(trust show), $bad)->{needs}[0]{signatures}, 1, '... one is left';
}

# --- the next version: one key lost, another for it

$d->does(qw(trust edit), $file, '--drop', $id{anna}, keys_of('--root-key', 'dora'),
    keys_of('--sign-key', 'ops2'), qw(--expires 2091-01-01T00:00:00Z));
$shown = $d->asks(qw(trust show), $file);
is $shown->{root}{version}, 2, 'edit: version 2';
is_deeply $shown->{signatures}, [], '... not signed';
is_deeply $shown->{needs}, [ { version => 1, threshold => 2, signatures => 0 },
    { version => 2, threshold => 2, signatures => 0 } ], '... by nobody of both';
is_deeply $shown->{root}{roles}{root}{keyids}, [ @id{qw(ben cleo dora)} ],
    '... without the lost key';
is_deeply $shown->{root}{roles}{sign}{keyids}, [ @id{qw(ops ops2)} ],
    '... with another of apps';

signs('ben');
is_deeply [ map { $_->{signatures} } @{ signs('dora')->{needs} } ], [ 1, 2 ],
    'two of its own are not two of the one before';
is_deeply [ map { $_->{signatures} } @{ signs('anna')->{needs} } ], [ 2, 2 ],
    'the dropped key is one of the version before';
ok $d->asks(qw(trust show), $file)->{complete}, '... complete';

# What is not complete is changed as it is.
$d->must(qw(trust edit), $file, '--drop', $id{ops});
is $d->asks(qw(trust show), $file)->{root}{version}, 3, 'edit: version 3';
signs('ben');
$d->must(qw(trust edit), $file, keys_of('--head-key', 'head2'));
$shown = $d->asks(qw(trust show), $file);
is $shown->{root}{version}, 3, 'edit of what is not signed: the same version';
is_deeply [ map { $_->{signatures} } @{ $shown->{needs} } ], [ 0, 0 ],
    '... loses its signatures';
is_deeply $shown->{root}{roles}{sign}{keyids}, [ $id{ops2} ], '... keeps the change before';

# --- what is refused

my $other = "$d->{dir}/other.json";
my @roles = (keys_of('--sign-key', 'ops'), keys_of('--head-key', 'head'));
$d->refuses(qr/must be from 1 to the number of its keys, and is 3/, qw(trust init),
    $other, keys_of('--root-key', qw(anna ben)), qw(--threshold 3), @roles);
$d->refuses(qr/role "root" has the key $id{anna} already/, qw(trust init), $other,
    keys_of('--root-key', qw(anna anna)), qw(--threshold 2), @roles);
$d->refuses(qr/must be from 1 to/, qw(trust edit), $file, '--drop', $id{ben}, '--drop',
    $id{dora});
$d->refuses(qr/there is no key $id{eve}/, qw(trust edit), $file, '--drop', $id{eve});
$d->refuses(qr/is not a key id/, qw(trust edit), $file, qw(--drop none));
$d->refuses(qr/role "sign" has no key/, qw(trust edit), $file, '--drop', $id{ops2});
$d->refuses(qr/exists/, qw(trust init), $file, keys_of('--root-key', 'anna'),
    qw(--threshold 1), @roles);
$d->misused(qr/--expires .* is over/, qw(trust edit), $file, qw(--expires
    2001-01-01T00:00:00Z));
$d->misused(qr/--expires "soon": must be a time/, qw(trust edit), $file, qw(--expires soon));
ok !-e $other, 'no file is left';

# Two ids of one key are one person.
{
    my ($comment, $line) = split /\n/, Ctl::read_file("$d->{dir}/anna.pub");
    my $raw = decode_base64($line);
    substr $raw, 2, 8, 'another!';
    $d->put('twin.pub', "untrusted comment: twin\n" . encode_base64($raw, '') . "\n");
    $d->refuses(qr/are ids of the same key/, qw(trust init), $other,
        keys_of('--root-key', qw(anna twin)), qw(--threshold 2), @roles);

    my $envelope = json(Ctl::read_file($file));
    my $twins    = json(decode_base64($envelope->{payload}));
    $twins->{keys}{'0123456789ABCDEF'} = $twins->{keys}{ $id{ben} };
    $envelope->{payload} = encode_base64(JSON::PP->new->utf8->encode($twins), '');
    $d->refuses(qr/is another id of a key that is there/, qw(trust show),
        $d->put_json('twins.json', $envelope));
}

# What is not a root.
my %wrong = (
    'no JSON'    => [ '{', qr/root|json/ ],
    'other type' => [ '{"payload":"e30=","payloadType":"application/json","signatures":[]}',
        qr/payloadType must be "application\/vnd\.mds\.root\+json"/ ],
    'no payload' => [ '{"payloadType":"application/vnd.mds.root+json","signatures":[]}',
        qr/payload is not base64/ ],
    'no times'   => [ '{"payload":"eyJ2ZXJzaW9uIjoxfQ==","payloadType":'
        . '"application/vnd.mds.root+json","signatures":[]}', qr/issued is not a time/ ],
);
for my $name (sort keys %wrong) {
    my ($text, $words) = @{ $wrong{$name} };
    $d->refuses($words, qw(trust show), $d->put('wrong.json', $text));
}

# --- publish: in the order of the versions, each signed by enough keys of both

my $new = "$d->{dir}/published.json";
$d->must(qw(trust init), $new, keys_of('--root-key', qw(anna ben)), qw(--threshold 2), @roles);
sub sign { $d->must(qw(trust sign), $new, '--key', "$d->{dir}/$_.key") for @_ }

$d->refuses(qr/version 1 has 0 of the 2 signatures/, qw(trust publish), $new);
sign('anna');
$d->refuses(qr/version 1 has 1 of the 2 signatures/, qw(trust publish), $new);
sign('ben');
like $d->does(qw(trust publish), $new), qr/^serial 1\n  \+ root 1$/m, 'publish';
like $d->does(qw(trust publish), $new), qr/^no change: .* serial 1$/m, '... once';
my $first = Ctl::read_file($new);

$d->must(qw(trust edit), $new, '--drop', $id{anna}, keys_of('--root-key', 'cleo'));
sign(qw(ben cleo));
$d->refuses(qr/version 2 has 1 of the 2 signatures by root keys of version 1/,
    qw(trust publish), $new);
sign('anna');
$d->must(qw(trust publish), $new);
is $d->serial, 2, 'the second root';
$d->refuses(qr/another root of version 1 is published already/, qw(trust publish), do {
    my $second = "$d->{dir}/second.json";
    $d->must(qw(trust init), $second, keys_of('--root-key', 'eve'), qw(--threshold 1), @roles);
    $d->must(qw(trust sign), $second, '--key', "$d->{dir}/eve.key");
    $second;
});

# A version is not left out.
$d->must(qw(trust edit), $new, qw(--expires 30d));
sign(qw(ben cleo));
$d->must(qw(trust edit), $new, qw(--expires 40d));
sign(qw(ben cleo));
$d->refuses(qr/version 4 cannot be published before version 3/, qw(trust publish), $new);

# --- heads

$d->refuses(qr/there is no app "none"/, qw(head none --head-key), "$d->{dir}/head.key");
{
    local $d->{key};
    $d->misused(qr/--head-key is missing/, 'head');
}
$d->misused(qr/--head-key is missing/, qw(head shop));
$d->must('publish', $d->put('file', 'x' x 1000), qw(--app shop --kind upgrade --version 1));
$d->must(qw(release shop r --kind upgrade --version 1 --all));
is_deeply [ $d->files('trees') ], [], 'without a head key there is no tree';
{
    local $ENV{MDS_HEAD_KEY} = "$d->{dir}/head.key";
    $d->does(qw(pause shop r));
    $d->does(qw(resume shop r));
}
my ($code, undef, $err) = $d->run(qw(pause shop r));
like $err, qr/warning: the head of app "shop" does not fit any more, and is removed/,
    'a change without the head key: the head goes, with a warning';
like $d->does(qw(head shop --expires 2d --head-key), "$d->{dir}/head.key"),
    qr/^  \+ head shop$/m, 'head';
like $d->does(qw(head --head-key), "$d->{dir}/head.key"), qr/^  \+ heads$/m, 'heads of all';

# It changes nothing that a document says: the next one needs no --force.
{
    $d->does(qw(list add shop members u1));
    my $document = json($d->export('shop'));
    my $apply = sub {
        $document->{lists}{testers} = { ids => [ $_[0] ] };
        $d->does('apply', $d->put_json('shop.json', $document));
    };
    $apply->('u1');
    delete $document->{serial};
    $d->does(qw(head shop --head-key), "$d->{dir}/head.key");
    $d->does(qw(list add shop members u2));
    $apply->('u2');
}

# Only the head keys of the root sign heads, also that of the feed.
$d->refuses(qr/key $id{$_->[0]} must not sign heads: root version 2 names $id{head} for them/,
    @$_[1 .. $#$_], "$d->{dir}/$_->[0].key")
    for [qw(head2 head --head-key)], [qw(ops head shop --head-key)],
        [qw(head2 list add shop staff u1 --head-key)], [qw(ops head --key)];
my $feed = Ctl::read_file("$d->{depot}/feed/head");
$d->does(qw(list add shop staff u1));
is Ctl::read_file("$d->{depot}/feed/head"), $feed, 'a signing key leaves the head of the feed';
$d->put('depot/state/FED', '');
like +($d->run(qw(list add shop staff u2)))[2],
    qr/warning: edges do not get this change before a head key of root version 2 signs it/,
    '... with a warning where edges follow';
$d->does(qw(list add shop staff u3 --head-key), "$d->{dir}/head.key");
isnt Ctl::read_file("$d->{depot}/feed/head"), $feed, 'a head key signs it';
unlink "$d->{depot}/state/FED";
my $log = $d->does('log');
like $log, qr/  head --head-key \S+  key $id{head}$/m, 'log: a head, by its key';
like $log, qr/  trust publish \S+$/m, 'log: a root';
my %serial = reverse $log =~ /^(\d+)  .*\n  \+ (heads|head shop|root \d+)$/mg;
$d->refuses(qr/change \d+ cannot be undone: it published a root/, 'revert', $serial{'root 1'});
$d->refuses(qr/change \d+ cannot be undone: it signed heads/, 'revert', $serial{$_})
    for 'heads', 'head shop';
$d->does(qw(verify));

# Trees that no generation needs any more go with later changes.
for (1 .. 20) {
    $d->must(qw(resume shop r --head-key), "$d->{dir}/head.key");
    $d->must('release', 'shop', "r$_", qw(--kind upgrade --version 1 --all --head-key),
        "$d->{dir}/head.key");
    $d->must('pause', 'shop', 'r', '--head-key', "$d->{dir}/head.key");
}
my @trees = $d->files('trees');
cmp_ok scalar @trees, '<=', 8, 'old trees are removed';

# A snapshot has roots, heads and trees.
$d->must('snapshot', "$d->{dir}/all.tar.zst");
$d->must('--depot', "$d->{dir}/copy", 'restore', "$d->{dir}/all.tar.zst");
$d->must('--depot', "$d->{dir}/copy", 'verify');
is_deeply [ grep { !-e "$d->{dir}/copy/trees/$_" } @trees ], [], 'restore: with trees';

done_testing;
