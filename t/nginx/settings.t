# Configuration: key by key the value of a device, and only what changed since
# it asked last.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use Test::More;

my $true = JSON::PP::true;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# --- values of every type, to the letter

my $t = MDS->new(workers => 2);
$t->depot;

my %values = (
    'yes'    => 'true',
    'no'     => 'false',
    'null'   => 'null',
    'int'    => '9223372036854775807',
    'low'    => '-9223372036854775808',
    'real'   => '0.1',
    'wide'   => '1e+300',
    'empty'  => '""',
    'text'   => "\"\xe6\x9b\xb4\xe5\xbf\xab \\\"\\\\ \\u0001 \xf0\x9f\x98\x80\"",
    'list'   => '[1,[2,[3,{"x":null}]]]',
    'object' => '{"z":{"b":[],"a":{}},"a":1.0}',
    "q\\\"\xd1\x8f" => '1',
);
my @names = sort keys %values;
$t->write('values.json', '{"app":"types","releases":[' . join(',', map {
        qq({"id":"r$_","kind":"config","name":"$names[$_]",)
            . qq("value":$values{ $names[$_] },"audience":{"all":true}})
    } 0 .. $#names) . ']}');
$t->mdsctl('apply', $t->dir . '/values.json');

$t->start(<<'EOF2');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /mds/v1/config { mds_config; }
    location = /mds/v1/check  { mds_check; }
}
EOF2

sub config { $t->get("/mds/v1/config?$_[0]") }

my $r = config('app=types');
is($r->status, 200, 'all there is');
is($r->header('Content-Type'), 'application/json', '... as JSON');
is($r->header('Cache-Control'), 'no-store', '... not to be kept');
is($r->header('MDS-Serial'), 1, '... its serial');
is($r->header('MDS-Poll-After'), undef, '... nothing said of when to ask again');
for my $name (@names) {
    like($r->body, qr/[{,]"\Q$name\E":\Q$values{$name}\E[,}]/, "... $name");
}
my ($head, $token, $tail)
    = $r->body =~ /^\{"serial":1,"state":"([\w-]+)","full":(\w+),"values":\{.*\},"removed":(\[\])\}$/s
    ? ($2, $1, $3) : ();
is("$head $tail", 'true []', '... in full');
is(config("app=types&state=$token")->status, 204, 'and then nothing');

my $none = config("app=types&state=$token");
is($none->body, '', '... and no body');
is($none->header('MDS-Serial'), 1, '... its serial');

my $h = $t->head('/mds/v1/config?app=types');
is($h->status . $h->body, '200', 'HEAD: 200, no body');
is($h->header('Content-Length'), length $r->body, '... and its length');
is($t->head("/mds/v1/config?app=types&state=$token")->status, 204,
    'HEAD: nothing');

# A check has no settings, and a config's name is no filter.
is($t->get('/mds/v1/check?app=types&kind=config&name=yes')->status, 204,
    'a check has none of them');

# --- wrong questions

for my $case (
    [ '',                         400, qr/"app" is missing/ ],
    [ 'app=types&app=types',      400, qr/twice/ ],
    [ 'app=types&version=x',      400, qr/is not a version/ ],
    [ 'app=types&state=' . 'A' x 4097, 400, qr/4097 bytes, at most 4096/ ],
    [ 'app=types&state=%ff',      400, qr/not UTF-8/ ],
) {
    my ($query, $status, $detail) = @$case;
    my $r = config($query);
    is($r->status, $status, 'refused: ' . substr $query, 0, 40);
    like($r->json->{detail}, $detail, '... and told why');
}
is($t->request('POST', '/mds/v1/config?app=types', 'Content-Length' => 0)
        ->status, 405, 'POST: 405');

# --- tokens that are none of this app's

$t->mdsctl('apply', $t->document({ app => 'others', releases => [
    { id => 'r', kind => 'config', name => 'k', value => 1,
      audience => { all => $true } } ] }));
my $other = config('app=others')->json->{state};
my $any   = config('app=nonesuch')->json;
is($any->{full}, $true, 'an unknown app: all of nothing');
is_deeply($any->{values}, {}, '... no values');
is(config("app=nonesuch&state=$any->{state}")->status, 204, '... and then 204');

srand 4;
my %wrong = (
    'of another app'  => $other,
    'of no app'       => $any->{state},
    'one letter'      => 'A',
    'blanks'          => '++',
    'as long as may be' => 'A' x 4096,
    'no letters'      => '%21%22%E6%9B%B4',
    'with a tail'     => "${token}A",
    'twice'           => "$token$token",
    map({ ("cut to $_" => substr $token, 0, $_) } 1 .. length($token) - 1),
    map({ my $i = int rand length $token;
          my $c = substr $token, $i, 1;
          ("another letter at $i"
              => substr($token, 0, $i) . ($c eq 'A' ? 'B' : 'A')
                  . substr $token, $i + 1) } 1 .. 20),
    map({ ("garbage $_" => join '', map { ('A' .. 'Z', 0 .. 9)[rand 36] }
              0 .. rand 100) } 1 .. 20),
);
for my $name (sort keys %wrong) {
    my $r = config("app=types&state=$wrong{$name}");
    is($r->status . ' ' . ($r->json // {})->{full}, '200 1',
        "a token $name: all");
}
# --- a depot made anew has other numbers

my $second = MDS->new;
$second->depot;
$second->mdsctl('apply', $t->dir . '/values.json');
$second->start(<<'EOF2');
mds_depot %DEPOT%;
server { listen %LISTEN%; location = /mds/v1/config { mds_config; } }
EOF2
is(($second->get("/mds/v1/config?app=types&state=$token")->json // {})->{full},
    $true, 'a token of another depot: all');
$second->stop;

# --- devices that poll through random changes

my @keys      = map { "key.$_" } 1 .. 6;
my @pool      = (1, 2, 'on', 'off', $true, undef, [ 1, { a => 2 } ], {});
my @attribute = ('', 'brand=mi', 'brand=oppo', 'os_version=9', 'os_version=14',
    'brand=mi&os_version=14');
my %document  = (app => 'walk', lists => { staff => { ids => ['alice'] } },
    poll => { after_s => 100, jitter_s => 50 }, releases => []);
my @devices   = map { { name => "d$_", held => {} } } 1 .. 8;
my $next      = 1;
my %seen;

sub any { $_[ rand @_ ] }

sub random_release {
    return { id => 'r' . $next++, kind => 'config', name => any(@keys),
        value => any(@pool), audience => {
            %{ any({ all => $true }, { percent => 50 }, { lists => ['staff'] },
                { all => $true, except => ['staff'] }) } },
        priority => any(0, 0, 1),
        rules => any([], [], [ { attribute => 'brand', op => 'in',
            values => ['mi'] } ], [ { attribute => 'os_version',
            op => 'range', min => '10' } ]) };
}

sub change {
    my $releases = $document{releases};
    my $what     = int rand 10;

    if ($what < 5 || @$releases < 4) {
        push @$releases, random_release();
    } elsif ($what < 6) {
        splice @$releases, rand @$releases, 1;
    } elsif ($what < 7) {
        any(@$releases)->{value} = any(@pool);
    } elsif ($what < 8) {
        @$releases = ();
    } else {
        my $release = any(@$releases);
        my $command = any('pause', 'end');
        return if ($release->{state} // '') eq 'ended'
            || ($release->{state} // '') eq 'paused';
        $release->{state} = $command eq 'end' ? 'ended' : 'paused';
        $t->mdsctl($command, 'walk', $release->{id});
        return;
    }
    $t->mdsctl('apply', '--force', $t->document(\%document));
}

sub poll {
    my ($device) = @_;

    $device->{attribute} = any(@attribute) if rand() < 0.3;
    $device->{user} = any('', 'alice', 'bob') if rand() < 0.3;
    my $query = "app=walk&device=$device->{name}&user="
        . ($device->{user} // '') . '&' . ($device->{attribute} // '');

    my $all  = config($query)->json;
    my $r    = config("$query&state=" . ($device->{state} // ''));
    my $poll = $r->header('MDS-Poll-After');
    my $same = defined $device->{state}
        && $json->encode($all->{values}) eq $json->encode($device->{held});

    return "poll after $poll" if $poll < 100 || $poll > 150;
    $seen{poll}{$poll} = 1;
    return $same ? 'not 204' : '204' if ($r->status == 204) != !!$same;
    $seen{nothing}++, return '' if $same;

    my $told = $r->json;
    if ($told->{full}) {
        return 'full, though there is a token' if defined $device->{state};
        $device->{held} = {};
    }
    for my $key (keys %{ $told->{values} }) {
        return "$key is no news" if exists $device->{held}{$key}
            && $json->encode($told->{values}{$key})
            eq $json->encode($device->{held}{$key});
        $device->{held}{$key} = $told->{values}{$key};
        $seen{news}++;
    }
    for my $key (@{ $told->{removed} }) {
        return "$key was not there" if !exists $device->{held}{$key};
        delete $device->{held}{$key};
        $seen{removed}++;
    }
    $device->{state} = $told->{state};
    return 'the token differs' if $told->{state} ne $all->{state};
    return $json->encode($device->{held}) eq $json->encode($all->{values})
        ? '' : 'has not what it should have';
}

my $seed = $ENV{MDS_SEED} // time;
srand $seed;
for my $round (1 .. 40) {
    change();
    my @wrong = grep { $_ ne '' } map { poll(any(@devices)) } 1 .. 12;
    is("@wrong", '', "round $round (MDS_SEED=$seed)") or last;
}
cmp_ok($seen{$_} // 0, '>', 15, "seen: $_") for qw(nothing news removed);
cmp_ok(scalar keys %{ $seen{poll} }, '>', 10, 'seen: jitter');

# --- a change that is undone, and an app that has no more settings

sub keys_of { join ' ', sort keys %{ $_[0]{values} } }

my @two = map { { id => $_, kind => 'config', name => $_, value => 1,
    audience => { all => $true } } } 'a', 'b';
$t->mdsctl('apply', $t->document({ app => 'undo', releases => [ $two[0] ] }));
my $one = config('app=undo')->json;
$t->mdsctl('apply', $t->document({ app => 'undo', releases => \@two }));
my $more = config("app=undo&state=$one->{state}");
is(keys_of($more->json), 'b', 'one more');
$t->mdsctl('revert', $more->header('MDS-Serial'));
my $back = config('app=undo&state=' . $more->json->{state})->json;
is_deeply([ $back->{full}, keys_of($back), $back->{removed} ],
    [ JSON::PP::false, '', ['b'] ], 'undone: removed');
is($back->{state}, $one->{state}, '... and as it was');
is(config("app=undo&state=$one->{state}")->status, 204, '... for all');
$t->mdsctl('apply', '--force', $t->document({ app => 'undo' }));
$back = config("app=undo&state=$one->{state}")->json;
is_deeply([ $back->{full}, keys_of($back), $back->{removed} ],
    [ JSON::PP::false, '', ['a'] ], 'the last one gone: removed');
is(config("app=undo&state=$back->{state}")->status, 204, '... once');

# --- 200 keys with 3 candidates each: one cheap request

$t->mdsctl('apply', $t->document({ app => 'many', releases => [ map {
    my $key = $_;
    map { { id => "r-$key-$_", kind => 'config', name => "feature.$key",
            value => $_ == 0 ? { on => $true, n => $key } : $_,
            audience => $_ == 0 ? { all => $true } : { percent => 5 * $_ } } }
        0 .. 2
} 1 .. 200 ] }));

my $many = config('app=many&device=d1');
is(scalar keys %{ $many->json->{values} }, 200, '200 keys');
cmp_ok(length $many->json->{state}, '<', 250, '... in a short token');
is(config("app=many&device=d1&state=" . $many->json->{state})->status, 204,
    '... which says it all');
my $d2 = config("app=many&device=d2&state=" . $many->json->{state})->json;
my $changed = keys %{ $d2->{values} };
ok($changed > 0 && $changed < 60, "another device: $changed changes");
note(length $many->body, ' bytes, token of ', length $many->json->{state});

$t->finish;
