# The CodePush SDK, from the npm registry, against the recipe of docs/clients.md:
# from one version to the next, with its reports; then the older spelling, and
# what the original server refuses.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use Recipe;
use Test::More;

my ($modules, $why) = Recipe::npm();
plan skip_all => $why if !defined $modules;

my %file = map { ("update-$_/main.jsbundle" => "$_ " . 'x' x 5_000,
    "update-$_/assets/logo.png" => "logo") } 1, 2;
my $t = Recipe->new('CodePush', files => \%file);

# The hash of a package, as the original computes it.
sub package_hash {
    my ($version) = @_;
    my @lines = sort map { "$_:" . sha256_hex($file{$_}) }
        grep { m{^update-$version/} } keys %file;
    return sha256_hex('[' . join(',', map { qq("$_") } @lines) . ']');
}

sub sdk {
    my (@args) = @_;
    my ($status, $out, $err) = $t->run({}, 'node', "$FindBin::Bin/codepush.js",
        $modules, $t->url, 'KEY-OF-PRODUCTION', @args);
    die "exit $status: $err" if $status != 0;
    return JSON::PP->new->utf8->decode($out);
}

sub client {
    my ($device, @has) = @_;
    my $said = sdk('1.4.0', $device, @has);
    return $said->{update} // $said->{error} // 'nothing';
}

sub reports {
    my ($release) = @_;
    my $status = JSON::PP->new->decode($t->mdsctl('--json', 'status', 'com.example.rn'));
    my ($found) = grep { $_->{id} eq $release } @{ $status->{apps}[0]{releases} };
    return { map { $_ => $found->{reports}{$_} } grep { $found->{reports}{$_} }
        qw(downloaded installed failed) };
}

sub report {
    my ($path, $body) = @_;
    return $t->raw("POST /v0.1/public/codepush/$path HTTP/1.1\r\nHost: localhost\r\n"
        . "Connection: close\r\nContent-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body")->status;
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
my $hash = package_hash(2);
my $size = delete $r->{packageSize};
my $url  = delete $r->{downloadUrl};
is_deeply($r, { deploymentKey => 'KEY-OF-PRODUCTION', description => 'Faster: "really"',
    label => 'v2', appVersion => '1.4.0', isMandatory => JSON::PP::true,
    packageHash => $hash }, 'what the SDK makes of an update');
like($url, qr{^\Q${\ $t->url}\E/mds/v1/files/[0-9a-f]{64}$}, '... its URL');
my $zip = $t->get($url =~ m{(/mds/v1/.*)})->body;
is(length $zip, $size, '... and its file');
$t->write('got.zip', $zip);
is(join(' ', sort split /\n/, `unzip -Z1 '${\ $t->dir}/got.zip'`),
    'update-2/assets/logo.png update-2/main.jsbundle', 'a zip of the folder');
is(`unzip -p '${\ $t->dir}/got.zip' update-2/main.jsbundle`,
    $file{'update-2/main.jsbundle'}, '... with its files');

is(client($in, 'v2', $hash), 'nothing', 'who has it has nothing to do');
is(client($in, 'v1', $hash), 'nothing', '... by its hash, whatever the label is');
is(client($out, 'v1', 'x'), 'nothing', 'nor has who is not in');
is(client($out)->{label}, 'v1', 'nothing installed: the version for all');
is(client($out, 'another label')->{label}, 'v1', 'a label of another server');

# --- reports

for my $event (qw(Downloaded DeploymentFailed DeploymentSucceeded DeploymentSucceeded)) {
    is_deeply(sdk('1.4.0', $in, 'v2', '-', $event), { update => undef }, "$event: taken");
}
is_deeply(reports('two'), { downloaded => 1, installed => 1, failed => 1 },
    'each is counted once');
is_deeply(reports('one'), {}, '... for the release of the version');
my $document = JSON::PP->new->utf8->decode($t->mdsctl(qw(export com.example.rn)));
$_->{halt} = { failure_percent => 50, min_reports => 3 } for @{ $document->{releases} };
$t->mdsctl('apply', $t->document($document));
$t->allow(qr/is halted/);
for my $i (1 .. 30) {
    $t->get("$old&label=v1&clientUniqueId=d$i");
    report('reportStatus/deploy', qq({"deploymentKey":"KEY-OF-PRODUCTION","appVersion":"1.4.0",)
        . qq("clientUniqueId":"d$i","label":"v2","status":"DeploymentFailed"}));
}
is(client($in, 'v1', 'x'), 'nothing', 'a release that fails stops');
$t->mdsctl(qw(resume com.example.rn two));

$t->mdsctl(qw(promote com.example.rn two --percent 0));
is(client($in, 'v1', 'x'), 'nothing', '0 percent: nobody');
$t->mdsctl(qw(promote com.example.rn two --percent 100));
is(client($out, 'v1', 'x')->{label}, 'v2', '100 percent: everybody');
$t->mdsctl(qw(pause com.example.rn two));
is(client($out, 'v1', 'x'), 'nothing', 'paused: nobody');
$t->mdsctl(qw(resume com.example.rn two));

# --- binaries

is(sdk('1.3.9', $in, 'v1', 'x')->{update}{updateAppVersion}, JSON::PP::true,
    'a lower binary is to be updated');
is(sdk('1.3.9', $in)->{update}{label}, 'v1', '... once it has what is for it');
is(sdk('2.0.0', $in, 'v1', 'x')->{update}, undef, 'nothing for a higher one');
is($t->get($old =~ s/1\.4\.0/2.0.0/r . '&isCompanion=true&label=v1&clientUniqueId=d1')
    ->json->{updateInfo}{label}, 'v2', '... but for a companion');

$t->mdsctl(qw(rollback com.example.rn two));
is(client($in, 'v2', $hash)->{label}, 'v1', 'rolled back: to the version before');
$t->mdsctl(qw(rollback com.example.rn one));
is_deeply($t->get("$old&label=v1")->json->{updateInfo}{shouldRunBinaryVersion},
    JSON::PP::true, 'back to none: what is in the binary');

# --- what is refused, and what is nothing

for my $case (
    [ 400, 'updateCheck' ], [ 400, 'update_check?deployment_key=KEY-OF-PRODUCTION' ],
    [ 400, 'update_check?deployment_key=&app_version=1.0' ],
    [ 400, 'update_check?deployment_key=keywith%25character&app_version=1.0' ],
    [ 400, 'update_check?deployment_key=KEY%&app_version=1.0' ],
    [ 400, 'update_check?deployment_key=A&deploymentKey=B&app_version=1.0' ],
    [ 400, 'update_check?deployment_key=KEY-OF-PRODUCTION&app_version=notSemver' ],
    [ 400, 'update_check?deployment_key=KEY-OF-PRODUCTION&app_version=1&client_unique_id=' . 'x' x 300 ],
    [ 400, 'update_check?deployment_key=KEY-OF-PRODUCTION&app_version=1&client_unique_id=%ff' ],
    [ 404, 'update_check?deployment_key=keyThatIsNonExistent&app_version=1' ],
    [ 404, 'update_checks?deployment_key=KEY-OF-PRODUCTION&app_version=1' ], [ 404, '' ],
) {
    my ($status, $what) = @$case;
    is($t->get("/v0.1/public/codepush/$what")->status, $status, "$status: $what");
}

my $key = '"deployment_key":"KEY-OF-PRODUCTION"';
for my $case (
    [ 400, 'report_status/deploy',   '' ], [ 400, 'report_status/deploy', '[]' ],
    [ 400, 'report_status/deploy',   '{"app_version":"1"}' ],
    [ 400, 'report_status/deploy',   "{$key}" ],
    [ 400, 'report_status/deploy',   qq({$key,"app_version":"1"}) ],
    [ 400, 'report_status/deploy',   qq({$key,"app_version":"1","client_unique_id":"x","label":"v1"}) ],
    [ 400, 'report_status/deploy',   qq({$key,"app_version":"1","client_unique_id":"x","label":"v1","status":"?"}) ],
    [ 400, 'report_status/download', "{$key}" ],
    [ 400, 'report_status/download', '{"label":"v1"}' ],
    [ 404, 'report_status/deploy',   '{"deployment_key":"keyThatIsNonExistent","app_version":"1","client_unique_id":"x"}' ],
    [ 404, 'report_status/another',  '{}' ],
    [ 200, 'report_status/deploy',   qq({$key,"app_version":"1","client_unique_id":"x"}) ],
    [ 200, 'reportStatus/deploy',    '{"deploymentKey":"KEY-OF-PRODUCTION","appVersion":"1","clientUniqueId":"new","label":"v1","status":"DeploymentSucceeded"}' ],
    [ 200, 'report_status/download', qq({$key,"label":"v99","client_unique_id":"x"}) ],
    [ 200, 'report_status/download', qq({$key,"label":"?","client_unique_id":"x"}) ],
    [ 200, 'report_status/download', qq({$key,"label":"v1"}) ],
) {
    my ($status, $path, $body) = @$case;
    is(report($path, $body), $status, "$status: $path $body");
}
is_deeply(reports('one'), { installed => 1 }, 'what is refused is not counted');

$t->finish;
