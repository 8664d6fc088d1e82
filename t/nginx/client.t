# Every example of docs/client.md, in the order of the page: the commands say
# what the page says, against a real nginx; the two passes come to the request
# that is printed there, in Python and in mdsctl.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../cli/lib";
use Edge;
use JSON::PP;
use MDS;
use Test::More;

my $t    = MDS->new;
my $page = $t->read("$MDS::ROOT/docs/client.md");
my $work = "$t->{dir}/work";

# What the page finds in its folder, and behind its URL.
my @part = map { join '', map { chr int rand 256 } 1 .. 50_000 } 1 .. 3;
mkdir $work or die;
$t->write("$work/shop-3.1.0.apk", $part[0] . $part[1]);
$t->write('shop-3.2.0.apk', $part[2] . $part[0]);
$t->depot;
$t->write("$work/ops.pub", $t->read('test.pub'));
$t->mdsctl('apply', $t->document({
    app  => 'com.example.shop',
    poll => { after_s => 1800, jitter_s => 300 },
    packages => [
        { kind => 'upgrade', platform => 'android', version => '3.1.0',
          file => "$work/shop-3.1.0.apk" },
        { kind => 'upgrade', platform => 'android', version => '3.2.0',
          file => 'shop-3.2.0.apk' } ],
    releases => [
        { id => 'a-3.2.0', kind => 'upgrade', platform => 'android',
          version => '3.2.0', audience => { all => JSON::PP::true } },
        { id => 'dark-on', kind => 'config', name => 'theme.dark',
          value => JSON::PP::true, audience => { all => JSON::PP::true } } ],
}), '--allow-outside');
$t->start(<<'EOF_CONFIG');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /mds/v1/check  { mds_check; }
    location = /mds/v1/config { mds_config; }
    location   /mds/v1/files/ { mds_files; }
}
EOF_CONFIG

# --- the commands, in one shell

my (@commands, $script);
while ($page =~ /^```(\w*)\n(.*?)^```$/msg) {
    my ($language, $block) = ($1, $2);
    my $line = 1 + (substr($page, 0, $-[0]) =~ tr/\n//);

    next if $language ne '';

    while ($block =~ /\G\$ (.*\n)((?:(?!\$ ).*\n)*)/g) {
        my ($command, $says) = ($1, $2);
        # a command goes on in lines that are indented
        $command .= $1 while $says =~ s/\A(    .*\n)//;
        push @commands, [$line, $command, $says];
        $script .= "printf '\\1%d\\1' $#commands\n$command";
    }
}
cmp_ok(scalar @commands, '>', 40, 'there are commands');

$script =~ s/\b127\.0\.0\.1:8080\b/127.0.0.1:$t->{port}/g;
$t->write("$work/script", "exec 2>&1\nset -u\ncd '$work'\n$script");
my ($status, $out) = $t->run({ PATH => '/usr/bin:/bin' }, 'bash',
    "$work/script");
is($status, 0, 'the last one ends well');

my %said = $out =~ /\x01(\d+)\x01([^\x01]*)/g;
for my $i (0 .. $#commands) {
    my ($line, $command, $says) = @{ $commands[$i] };
    is($said{$i}, $says, "line $line: " . (split /\n/, $command)[0]);
}

# --- the messages

my ($list, $marks) = $page =~ /^```json\n(\{.*?)^```/msg;
my ($python)       = grep { /^def passes\(/m } $page =~ /^```python\n(.*?)^```/msg;

my $edge = Edge->new(key => "$t->{dir}/test.key");
$edge->answer('/mds/v1/check', { status => 204 });
$edge->answers('/mds/v1/messages',
    GET => [{ type => 'application/json', body => $list }],
    POST => [{ status => 204 }]);
$edge->start;

my $said = $t->mdsctl('check', $edge->url, '--pub', "$work/ops.pub",
    'app=com.example.shop', 'kind=upgrade', 'platform=android',
    'version=3.1.0', 'user=alice');
like($said, qr/^hit +message 12, /m, 'mdsctl: the hit of the page');
is_deeply([$edge->posts], ["application/json $marks" =~ s/\n//r],
    'mdsctl: the request of the page, byte for byte');
like(($edge->requests)[1], qr{\Q/mds/v1/messages?app=com.example.shop\E
    \Q&user=alice&n=1000\E$}x, 'mdsctl: the question of the page');
$edge->stop;

SKIP: {
    skip 'no python3', 1 if system('command -v python3 > /dev/null') != 0;
    $t->write("$work/list", $list);
    $t->write("$work/passes.py", <<"EOF_PYTHON");
import json
$python
def above(a, b):
    key = lambda v: [int(n) for n in v.split(".")]
    return b is None or key(a) > key(b)

answer = json.load(open("$work/list"))
hit, boundary, read = passes(answer["messages"], answer["latest"], "android",
                             "3.1.0", "2026-01-01T00:00:00Z")
print(hit["id"], boundary, read)
EOF_PYTHON
    ($status, $out) = $t->run({}, 'python3', "$work/passes.py");
    is($out, "12 4 [8, 9]\n", 'Python: the same');
}

# --- the proof

SKIP: {
    skip 'no python3', 1 if system('command -v python3 > /dev/null') != 0;
    my ($root_of) = grep { /^def root_of\(/m } $page =~ /^```python\n(.*?)^```/msg;
    my ($index, $size, $path)
        = $page =~ /^    MDS-Proof: index=(\d+), size=(\d+), path=:(\S+):$/m or die;
    $t->write("$work/proof.py", <<"EOF_PYTHON");
import base64, hashlib, json
def sha256(data):
    return hashlib.sha256(data).digest()
$root_of
path = base64.b64decode("$path")
path = [path[i:i + 32] for i in range(0, len(path), 32)]
manifest = open("$work/example", "rb").read()
head = json.load(open("$work/head"))["manifests"]["sha256"]
print(root_of(manifest, $index, $size, path).hex() == head,
      [root_of(manifest, *wrong) for wrong in (
          ($index, $size, path[:1]), ($index, $size, path + path), ($size, $size, path))],
      root_of(manifest, $index - 1, $size, path).hex() == head)
EOF_PYTHON
    ($status, $out) = $t->run({}, 'python3', "$work/proof.py");
    is($out, "True [None, None, None] False\n", 'Python: the proof of the page leads to its head');
}

$t->finish;
