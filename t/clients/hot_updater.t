# hot-updater's resolver, from the npm registry, by the recipe of docs/clients.md:
# at 30, 0 and 100 percent, paused, rolled back, and with an archive that is not
# the signed one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Recipe;
use Test::More;

my ($modules, $why) = Recipe::npm();
plan skip_all => $why if !defined $modules;

my ($NIL, $ONE, $TWO) = ('00000000-0000-0000-0000-000000000000',
    '0198f1a2-0000-7000-8000-000000000001', '0198f1a2-7c3e-7000-8000-00000000000a');
my %file = map { ("$_.zip" => "$_ " . 'x' x 5_000) } qw(one two);
my $t = Recipe->new('hot-updater', files => \%file, before => <<'END');
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out hot.pem
openssl pkey -in hot.pem -pubout -out hot.pub
END

sub client {
    my ($cohort, $bundle, %more) = @_;
    my ($status, $out, $err) = $t->run({}, 'node', "$FindBin::Bin/hot_updater.js",
        $modules, $t->url('/hot-updater/'), $t->dir . '/hot.pub',
        encode_json({ platform => 'android', appVersion => '1.4.0', channel => 'production',
            minBundleId => $NIL, bundleId => $bundle, cohort => "$cohort",
            updateStrategy => 'appVersion', fingerprintHash => undef, %more }));
    die "exit $status: $err" if $status != 0;
    my $said = decode_json($out);
    return $said->{error} // $said->{update};
}

sub path {
    my ($cohort, $bundle) = @_;
    return "/hot-updater/app-version/android/1.4.0/production/$NIL/$bundle/$cohort";
}

my ($in, $out);
for my $i (1 .. 30) {
    my $r = $t->get(path($i, $ONE));
    ($r->body eq 'null' ? $out : $in) //= $i;
}
ok(defined $in && defined $out, 'at 30 percent some are in, and some are not');

my $r = client($in, $ONE);
is_deeply([ @$r{qw(id status shouldForceUpdate message)} ],
    [ $TWO, 'UPDATE', JSON::PP::false, 'Faster: "really"' ], 'an update');
is($r->{file}, $file{'two.zip'}, '... its archive, by a signature that holds');
like($r->{fileUrl}, qr{/bundle\.zip$}, '... and by its name');
my %current = (status => 'UP_TO_DATE');
is_deeply(client($in, $TWO), \%current, 'who has it is up to date');
is_deeply(client($out, $ONE), \%current, '... and who is not in');
is(client($out, $NIL)->{id}, $ONE, 'the bundle of the binary: the version for all');
is(client($in, $ONE, appVersion => '2.0.0')->{status}, 'UP_TO_DATE', 'another app version');
is(client($in, $ONE, channel => 'staging')->{status}, 'UP_TO_DATE', 'another channel');
is(client($in, $NIL, updateStrategy => 'fingerprint', fingerprintHash => 'f1')->{id},
    $ONE, 'a fingerprint is no app version');

$t->mdsctl(qw(promote com.example.hot two --percent 0));
is_deeply(client($in, $ONE), \%current, '0 percent: nobody');
$t->mdsctl(qw(promote com.example.hot two --percent 100));
is(client($out, $ONE)->{id}, $TWO, '100 percent: everybody');
$t->mdsctl(qw(pause com.example.hot two));
is_deeply(client($out, $ONE), \%current, 'paused: nobody');
$t->mdsctl(qw(resume com.example.hot two));
$t->mdsctl('edit', 'com.example.hot', 'two', '--meta', '{"prompt":"force"}');
is(client($out, $ONE)->{shouldForceUpdate}, JSON::PP::true, 'a forced update');

my ($sha) = client($in, $ONE)->{fileUrl} =~ m{/([0-9a-f]{64})/};
chmod 0644, $t->depot_dir . "/files/$sha" or die $!;
$t->write("depot/files/$sha", 'another archive');
is(client($in, $ONE)->{file}, 'refused', 'an archive that is not the signed one: refused');

$t->mdsctl(qw(rollback com.example.hot two));
$r = client($in, $TWO);
is_deeply([ @$r{qw(id status shouldForceUpdate file)} ],
    [ $ONE, 'ROLLBACK', JSON::PP::true, $file{'one.zip'} ], 'back to the bundle before');
$t->mdsctl(qw(rollback com.example.hot one));
$r = client($in, $ONE);
is_deeply([ @$r{qw(id status fileUrl)} ], [ $NIL, 'ROLLBACK', undef ],
    'back to the bundle of the binary');

# --- what the original server says to other requests

is($t->get(path(1, $NIL))->body, 'null', 'an SDK before 0.31 is told null');
my $said = sub { return $t->get(path(1, $NIL), 'Hot-Updater-SDK-Version' => $_[0])->body };
is($said->('0.30.9'), 'null', '... such as 0.30');
is($said->($_), '{"status":"UP_TO_DATE"}', "... but not $_") for qw(0.31.0 1.0.0);
is($t->get("/hot-updater/app-version/android/1.4.0/production/$NIL/$NIL")->status, 200,
    'a request without a cohort');
for my $case (
    [ 400, "app-version/windows/1.4.0/production/$NIL/$NIL/1" ],
    [ 400, "app-version/android/1.4.0/production/$NIL/a_b/1" ],
    [ 404, "app-version/android/1.4.0/production/$NIL" ], [ 404, 'bundles' ],
    [ 404, 'files/abc/bundle.zip' ],
) {
    my ($status, $what) = @$case;
    is($t->get("/hot-updater/$what")->status, $status, "$status: $what");
}

$t->finish;
