#!/usr/bin/perl

# mdsctl check as the device of a user: it asks for the whole list, says of it
# what the two passes say, and installs what is signed, whatever the list says.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Ctl;
use Edge;

my $dir  = tempdir(CLEANUP => 1);
my $json = JSON::PP->new->canonical;

(ctl('keygen', "$dir/ops"))[0] == 0 or die 'keygen';
my $edge    = Edge->new(key => "$dir/ops.key");
my $package = 'the new build';
my $path    = 'files/' . sha256_hex($package);
my $minisig = $edge->minisig($package);
my $out     = "$dir/new";

my @device = ('kind=upgrade', 'platform=android', 'version=3.1.0', 'device=d1');
my @user   = ('user=alice', @device);

sub order {
    my ($release, $version) = @_;
    return $edge->manifest($json->encode({
        app => 'com.example.shop', kind => 'upgrade', name => '',
        platform => 'android', channel => '*', action => 'install',
        version => $version, release => $release, serial => 12,
        full => { path => $path, size => length $package,
                  sha256 => sha256_hex($package) }, meta => {} }));
}

# A message as "ID:PLATFORM:VERSION:MARKS", r for read, x for expired.
sub message {
    my ($id, $platform, $version, $marks) = split /:/, $_[0];
    $marks //= '';
    return {
        id => $id + 0, platform => $platform, version => $version,
        expires => $marks =~ /x/ ? '2020-01-01T00:00:00Z'
                                 : '2999-01-01T00:00:00Z',
        url => 'files/' . 'd' x 64,
        read => $marks =~ /r/ ? JSON::PP::true : JSON::PP::false
    };
}

sub list {
    my ($messages, %more) = @_;
    return { type => 'application/json', body => $json->encode({
        latest => { android => '3.0.0', ios => '9.0' },
        more => JSON::PP::false,
        messages => [ map { message($_) } split ' ', $messages ], %more }) };
}

my $nothing = { status => 204 };

# An edge with these answers to check, one by one, and this list.
sub serve {
    my ($check, $list, $post) = @_;
    $edge->{routes} = {};
    $edge->answer('/mds/v1/check', ref $check eq 'ARRAY' ? @$check : $check);
    $edge->answers('/mds/v1/messages', GET => [$list],
        POST => [$post // $nothing]) if $list;
    $edge->answer("/mds/v1/$path", { body => $package });
    $edge->answer("/mds/v1/$path.minisig", { body => $minisig });
    $edge->start;
    unlink $out;
}

sub check {
    my (@args) = @_;
    return ctl('check', $edge->url, '--pub', "$dir/ops.pub", '--out', $out,
        'app=com.example.shop', @args);
}

# "GET check", "POST messages", and files shortened to "GET file".
sub asked {
    return [map { m{^(\S+) /mds/v1/(\w+)}; "$1 $2" =~ s/files/file/r }
        $edge->requests];
}

sub installed { -e $out && Edge::slurp($out) eq $package }

my $marks = qr{^application/json };

# The one POST that there was, decoded.
sub posted {
    my @posts = $edge->posts;
    return "@posts" if @posts != 1 || $posts[0] !~ s/$marks//;
    return decode_json($posts[0]);
}

my %who = (app => 'com.example.shop', user => 'alice');

# --- when it asks at all

serve($nothing, list('1:ios:1:x'));
my ($code, $said, $err) = check(@device);
is $code, 0, 'no user: exit 0';
is_deeply asked(), ['GET check'], 'no user: no list is asked for';
check('user=alice', 'kind=bundle', 'name=1');
is_deeply asked(), [('GET check') x 2], 'another kind: neither';
check('user=', @device);
is_deeply asked(), [('GET check') x 3], 'an empty user is none';

serve($nothing, list(''));
($code, $said, $err) = check('user=a b&n=1', @device);
is $code, 0, 'an empty list: exit 0';
is +($edge->requests)[1], 'GET /mds/v1/messages?app=com.example.shop'
    . '&user=a%20b%26n%3D1&n=1000', 'the question is encoded';
is_deeply asked(), ['GET check', 'GET messages'], 'nothing to say: no POST';

check('channel=x y', @user);
is +($edge->requests)[3], 'GET /mds/v1/messages?app=com.example.shop'
    . '&user=alice&channel=x%20y&n=1000', 'the channel has a say in what is latest';

serve($nothing, undef);
($code, $said, $err) = check(@user);
is $code, 0, 'an edge without messages: exit 0';
is $err, '', '... and no complaint';

# --- what is sent

for my $case (
    ['nothing to say', '1:ios:1 2:ios:2:r', undef],
    ['a boundary', '1:ios:1:r 4:ios:2', { delete_through => 1 }],
    ['marks', '1:ios:1 3:ios:1:x', { read => [3] }],
    ['a boundary, marks and runs',
        '1:ios:1:r 2:mac:1:x 5:ios:1 6:ios:1:x 9:ios:1:x 10:mac:1:x 11:mac:1:x'
        . ' 12:ios:1 14:ios:1:x',
        { delete_through => 2, read => [6, [9, 11], 14] }],
    ['all expired', '1:ios:1:x 7:android:9:x', { delete_through => 7 }],
    ['an official version above it, on another platform',
        '1:ios:10:r 2:mac:1:r', { delete_through => 2 }],
) {
    my ($what, $list, $sent) = @$case;
    serve($nothing, list($list));
    ($code, $said, $err) = check(@user);
    is $code, 0, "$what: exit 0";
    is_deeply asked(), ['GET check', 'GET messages',
        $sent ? 'POST messages' : ()], "$what: the requests";
    is_deeply posted(), { %who, %$sent }, "$what: the marks" if $sent;
}

serve($nothing, list('1:ios:1:r 2:ios:1'));
($code, $said) = check(@user, '--json');
is_deeply decode_json($said), { action => 'none', reason => 'nothing to do',
    messages => 2, hit => undef,
    marks => '{"app":"com.example.shop","user":"alice","delete_through":1}' },
    'the same for machines';

# --- a hit

my $hit = list('3:ios:9.1 4:android:3.2:r 6:android:3.2 7:android:3.3.0');

serve(order('message-7', '3.3.0'), $hit);
($code, $said, $err) = check(@user);
is $code, 0, 'a hit: exit 0';
ok installed(), 'a hit: installed';
like $said, qr/^hit +message 7, version 3\.3\.0$/m, 'a hit: says so';
is_deeply asked(), ['GET check', 'GET messages', 'GET file', 'GET file',
    'POST messages'], 'a hit: marked once it is installed';
is_deeply posted(), { %who, read => [6] }, 'a hit: the others are marked';

serve([$nothing, order('message-7', '3.3.0')], $hit);
($code, $said) = check(@user, '--json');
is $code, 0, 'pushed between the answers: exit 0';
ok installed(), '... it is asked for again';
is_deeply asked(), ['GET check', 'GET messages', 'GET check', 'GET file',
    'GET file', 'POST messages'], '... once';
is_deeply [@{ decode_json($said) }{qw(action release hit)}],
    ['install', 'message-7', 7], '... for machines';

serve([order('a-3.2.0', '3.2.0'), order('message-7', '3.3.0')], $hit);
($code, $said) = check(@user);
like $said, qr/^answer +install version 3\.3\.0$/m, '... above another version';
unlike $said, qr/3\.2\.0/, '... which is not heard of';

serve(order('a-3.4.0', '3.4.0'), $hit);
($code, $said) = check(@user);
ok installed(), 'a higher version in the catalog is taken';
is scalar(grep { $_ eq 'GET check' } @{ asked() }), 1, '... without a doubt';
is_deeply posted(), { %who, read => [6] }, '... and the list is cleaned up';

serve($nothing, $hit);
($code, $said) = check(@user);
is $code, 0, 'a message that nobody signs: exit 0';
ok !-e $out, '... is not installed';
like $said, qr/not followed/, '... and it says so';
is_deeply asked(), ['GET check', 'GET messages', 'GET check', 'POST messages'],
    '... its link is not followed';
is_deeply posted(), { %who, read => [6] }, '... the marks are the same';

for my $case (
    ['the official version', 'android:3.3.0', version => '3.1.0'],
    ['the installed version', 'android:3.0.0', version => '3.3.0'],
) {
    my ($what, $latest, $name, $value) = @$case;
    serve($nothing, list('3:ios:9.1 7:android:3.3.0',
        latest => { split /:/, $latest }));
    ($code, $said) = check(grep({ !/^$name=/ } @user), "$name=$value");
    unlike $said, qr/^hit/m, "overtaken by $what: no hit";
    is_deeply asked(), ['GET check', 'GET messages'], '... nothing to say';
}

serve([$nothing, order('message-7', '3.3.0')],
    list('7:android:3.3.0', latest => {}));
check(@user);
ok installed(), 'no official version yet: a hit';

serve($nothing, list('7:android:3.3.0'));
Edge::spew("$dir/clock", 1000 * 365 * 86400 * 1000);
{
    local $ENV{MDS_CLOCK} = "$dir/clock";
    check(@user);
}
is_deeply posted(), { %who, delete_through => 7 }, 'expired in a thousand years';

# --- a list that is longer than can be asked for

serve($nothing, list('10:ios:1:r 11:ios:1:x 12:ios:1 13:ios:1:x',
    more => JSON::PP::true));
($code, $said) = check(@user);
is $code, 0, 'more: exit 0';
like $said, qr/^messages +4 in the list, and more .* none is deleted/m,
    'more: says so';
is_deeply posted(), { %who, read => [11, 13] },
    'more: marks, but nothing is deleted';

serve([$nothing, order('message-1000', '3.3.0')],
    list(join ' ', map { "$_:android:3.3.0" } 1 .. 1000));
($code, $said) = check(@user);
is_deeply posted(), { %who, delete_through => 999 }, 'a thousand messages';

# --- lists that are none: the upgrade stands, nothing is marked

my %good = %{ message('5:ios:1:x') };
for my $case (
    ['no JSON', { body => '<p>' }, 'messages:1:1'],
    ['no object', { body => '[]' }, '/more is not'],
    ['no list', list('', messages => {}), '/messages is not'],
    ['too many', list(join ' ', map { "$_:ios:1" } 1 .. 1001),
        '/messages is not a list of at most 1000'],
    ['more is no truth', list('', more => 1), '/more is not'],
    ['no official versions', list('', latest => undef), '/latest is not'],
    ['an official version that is none',
        list('', latest => { ios => 'new' }), '/latest has'],
    ['a doubled id', list('5:android:9 5:ios:1'), '/messages/1/id is not'],
    ['ids that fall', list('5:ios:1 4:ios:1'), '/messages/1/id is not'],
    ['an id of zero', list('0:ios:1'), '/messages/0/id is not'],
    ['an id as text', list('', messages => [{ %good, id => 'x' }]),
        '/messages/0/id is not'],
    ['an id beyond all numbers', { body => '{"latest":{},"more":false,'
        . '"messages":[{"id":99999999999999999999}]}' }, 'messages:1:'],
    ['no message', list('', messages => ['x']), '/messages/0/id is not'],
    ['no platform', list('', messages => [{ %good, platform => '' }]),
        '/messages/0/platform is not'],
    ['a platform without end',
        list('', messages => [{ %good, platform => 'x' x 257 }]),
        '/messages/0/platform is not'],
    ['a version that is none',
        list('', messages => [{ %good, version => 'new' }]),
        '/messages/0/version is not'],
    ['no time', list('', messages => [{ %good, expires => 'soon' }]),
        '/messages/0/expires is not'],
    ['a time that is none', list('', messages => [{ %good, expires => 1 }]),
        '/messages/0/expires is not'],
    ['neither read nor unread', list('', messages => [{ %good, read => 0 }]),
        '/messages/0/read is not'],
    ['without end', { body => ' ' x 1_100_000 }, 'longer than'],
    ['503', { status => 503, type => 'application/problem+json',
        body => '{"detail":"the depot is away"}' }, '503: the depot is away'],
    ['403', { status => 403 }, 'answers 403'],
) {
    my ($what, $list, $words) = @$case;
    serve(order('a-3.2.0', '3.2.0'), $list);
    ($code, $said, $err) = check(@user);
    is $code, 1, "$what: exit 1";
    like $err, qr/^mdsctl: .*\Q$words/, "$what: says why";
    ok installed(), "$what: the upgrade stands";
    is_deeply [$edge->posts], [], "$what: nothing is marked";
    is scalar(grep { $_ eq 'GET check' } @{ asked() }), 1,
        "$what: nothing hits";
}

# --- marks that do not arrive

for my $case ([503, '503'], [400, '400'], [200, '200'], [404, '404']) {
    my ($status, $words) = @$case;
    serve(order('message-7', '3.3.0'), $hit, { status => $status });
    ($code, $said, $err) = check(@user, '--json');
    is $code, 1, "$status to the marks: exit 1";
    like $err, qr/^mdsctl: .*answers $words/, "$status: says why";
    ok installed(), "$status: the upgrade stands";
    is decode_json($said)->{out}, $out, "$status: machines learn of that";
    ok !exists decode_json($said)->{marks}, "$status: and of no marks";
}

# --- nothing is marked for an upgrade that failed

my $forged = order('message-7', '3.3.0');
$forged->{body} =~ s/3\.3\.0/3.3.1/ or die;
serve($forged, $hit);
($code) = check(@user);
is $code, 3, 'a forged manifest: exit 3';
is_deeply asked(), ['GET check'], '... the list is not even asked for';

serve(order('message-7', '3.3.0'), $hit);
$edge->stop;
$edge->answer("/mds/v1/$path", { body => $package ^ "\x01" });
$edge->start;
($code) = check(@user);
is $code, 3, 'another file: exit 3';
is_deeply [$edge->posts], [], '... nothing is marked';

done_testing;
