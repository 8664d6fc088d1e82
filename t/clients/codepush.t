# The CodePush SDK, from the npm registry, against the recipe of docs/clients.md;
# then the older spelling, and what the original server refuses.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use Recipe;
use Test::More;

my ($modules, $why) = Recipe::npm();
plan skip_all => $why if !defined $modules;

my %file = map { ("codepush-$_.zip" => "$_ " . 'x' x 5_000) } 1, 2;
my $t = Recipe->new('CodePush', files => \%file);

sub client {
    my ($device, @has) = @_;
    my ($status, $out, $err) = $t->run({}, 'node', "$FindBin::Bin/codepush.js",
        $modules, $t->url, 'KEY-OF-PRODUCTION', '1.4.0', $device, @has);
    die "exit $status: $err" if $status != 0;
    my $said = JSON::PP->new->utf8->decode($out);
    return $said->{update} // $said->{error} // 'nothing';
}

my $old = '/v0.1/public/codepush/updateCheck?deploymentKey=KEY-OF-PRODUCTION'
    . '&appVersion=1.4.0';
my ($in, $out);
for my $i (1 .. 30) {
    my $r = $t->get("$old&label=v1&clientUniqueId=d$i")->json->{updateInfo};
    ($r->{isAvailable} ? $in : $out) //= "d$i";
}
ok(defined $in && defined $out, 'at 30 percent some are in, and some are not');

my $r = client($in, 'v1', 'x');
my $hash = sha256_hex($file{'codepush-2.zip'});
is_deeply($r, { deploymentKey => 'KEY-OF-PRODUCTION', description => 'Faster: "really"',
    label => 'v2', appVersion => '1.4.0', isMandatory => JSON::PP::true,
    packageHash => $hash, packageSize => length $file{'codepush-2.zip'},
    downloadUrl => $t->url("/mds/v1/files/$hash") }, 'what the SDK makes of an update');
is($t->get("/mds/v1/files/$hash")->body, $file{'codepush-2.zip'}, '... and its file');
is(client($in, 'v2', $hash), 'nothing', 'who has it has nothing to do');
is(client($out, 'v1', 'x'), 'nothing', 'nor has who is not in');
is(client($out)->{label}, 'v1', 'nothing installed: the version for all');
is(client($out, 'another label')->{label}, 'v1', 'a label of another server');

$t->mdsctl(qw(promote com.example.rn two --percent 0));
is(client($in, 'v1', 'x'), 'nothing', '0 percent: nobody');
$t->mdsctl(qw(promote com.example.rn two --percent 100));
is(client($out, 'v1', 'x')->{label}, 'v2', '100 percent: everybody');
$t->mdsctl(qw(pause com.example.rn two));
is(client($out, 'v1', 'x'), 'nothing', 'paused: nobody');
$t->mdsctl(qw(resume com.example.rn two));
$t->mdsctl(qw(rollback com.example.rn two));
is(client($in, 'v2', $hash)->{label}, 'v1', 'rolled back: to the version before');
$t->mdsctl(qw(rollback com.example.rn one));
is_deeply($t->get("$old&label=v1")->json->{updateInfo}{shouldRunBinaryVersion},
    JSON::PP::true, 'back to none: what is in the binary');

# --- what is refused, and what is nothing

for my $case (
    [ 400, 'updateCheck' ], [ 400, 'update_check?deployment_key=KEY-OF-PRODUCTION' ],
    [ 400, 'update_check?deployment_key=&app_version=1.0' ],
    [ 400, 'update_check?deployment_key=K&app_version=none' ],
    [ 400, 'update_check?deployment_key=K&app_version=1&client_unique_id=' . 'x' x 300 ],
    [ 400, 'update_check?deployment_key=K&app_version=1&client_unique_id=%ff' ],
    [ 404, 'update_checks?deployment_key=K&app_version=1' ], [ 404, '' ],
) {
    my ($status, $what) = @$case;
    is($t->get("/v0.1/public/codepush/$what")->status, $status, "$status: $what");
}
$r = $t->get('/v0.1/public/codepush/update_check?deployment_key=UNKNOWN&app_version=1')
    ->json->{update_info};
ok(!$r->{is_available} && $r->{should_run_binary_version}, 'an unknown key: nothing');

$t->finish;
