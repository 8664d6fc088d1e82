# Hotfixes: bound to a version of the app, taken back in real time. "Nothing
# for you" and "remove what you have" are different answers.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use Device;
use MDS;
use Test::More;

my $t   = MDS->new(workers => 2);
my $app = 'com.example.shop';
$t->depot;

srand 1;
my $common = join '', map { chr int rand 256 } 1 .. 50_000;
$t->write("fix-$_.patch", "$_$common$_") for 1 .. 4, '0.9';

my $true = JSON::PP::true;
sub package_of {
    my ($version, $from, $to) = @_;
    return { kind => 'hotfix', platform => 'android', version => "$version",
        file => "fix-$version.patch",
        app_version => { min => $from, max => $to } };
}
sub release_of {
    my ($id, $version, %more) = @_;
    return { id => $id, kind => 'hotfix', platform => 'android',
        version => "$version", audience => { all => $true }, %more };
}
my %document = (
    app      => $app,
    lists    => { staff => { ids => ['alice'] } },
    packages => [
        package_of(1, '3.1.0', '3.1.0'), package_of(2, '3.1.0', '3.1.0'),
        package_of(3, '3.2.0', '3.2.0'), package_of('0.9', '3.3.0', '3.3.0') ],
    releases => [ release_of('fix-1', 1), release_of('fix-2', 2,
            meta => { restart => $true }), release_of('fix-3', 3),
        release_of('fix-of-3.3', '0.9') ],
);
sub apply { $t->mdsctl('apply', '--force', $t->document(\%document)) }
apply();

$t->start(<<'EOF2');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /mds/v1/check  { mds_check; }
    location /mds/v1/files/   { mds_files; }
}
EOF2

my $device = Device->new($t, app => $app, kind => 'hotfix',
    platform => 'android', app_version => '3.1.0');

sub told {
    my ($title, $is, @ask) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($device->told(@ask), $is, $title);
}

# Bound to a version of the app, the newest that hits wins.
told('nothing installed: the newest for this app', 'install 2 full by fix-2');
told('the first: the second', 'install 2 full delta:1 by fix-2', version => 1);
told('the newest: nothing', 'nothing', version => 2);
told('the app of another fix', 'install 3 full by fix-3',
    app_version => '3.2.0');
told('the same, with the fix of another app', 'install 3 full by fix-3',
    app_version => '3.2.0', version => 2);
told('... its numbers begin anew', 'install 0.9 full by fix-of-3.3',
    app_version => '3.3.0', version => 3);
told('... for this device, too', 'nothing', app_version => '3.3.0',
    version => '0.9');
told('an app without fixes', 'nothing', app_version => $_)
    for '3.0.0', '3.1.1', '3.1.0-rc.1', '3.4';
told('no version of the app', 'nothing', app_version => undef);
told('another platform', 'nothing', platform => 'ios');
is($device->ask->{meta}{restart}, $true, 'whether to restart');

# A device that crashed on one is kept from getting it again.
told('refuses the newest', 'install 1 full by fix-1', refuse => '2');
told('refuses both', 'nothing', refuse => '1,2.0');
told('refuses the newest, has the first', 'nothing', refuse => 2, version => 1);

# Stopping is not recalling.
$t->mdsctl('pause', $app, 'fix-2');
told('paused: who has it keeps it', 'nothing', version => 2);
told('... others get the one before', 'install 1 full by fix-1');
$t->mdsctl('resume', $app, 'fix-2');
told('resumed: as before', 'install 2 full delta:1 by fix-2', version => 1);

# A rollback: seen by the next request, of each worker.
$t->mdsctl('rollback', $app, 'fix-2');
for (1 .. 20) {
    my $r = $t->get('/mds/v1/check?' . $device->query(version => 2));
    is($r->status . ' ' . ($r->json // {})->{action}, '200 rollback',
        'rolled back, at once');
}
told('... to the version before', 'rollback 1 full by fix-2', version => 2);

my $m = $device->ask(version => 'v2.0');
is_deeply($m, {
    app => $app, kind => 'hotfix', name => '', platform => 'android',
    channel => '*', action => 'rollback', from => '2', version => '1',
    release => 'fix-2', serial => $m->{serial},
    full => { path => 'files/' . sha256_hex($t->read('fix-1.patch')),
        sha256 => sha256_hex($t->read('fix-1.patch')),
        size => -s "$t->{dir}/fix-1.patch",
        minisig => $m->{full}{minisig} },
    meta => { restart => $true } }, '... in these words');
like($m->{full}{minisig}, qr/\A\Q$m->{full}{path}\E\.[0-9A-F]{16}\.minisig\z/,
    '... and its signature by this app\'s key');
is($t->get("/mds/v1/$m->{full}{path}")->body, $t->read('fix-1.patch'),
    '... with the file');
my $said = $device->check('--out', "$t->{dir}/got", version => 2);
like($said, qr/\Aexit 0\n.*^answer +roll back .* to version 1\n.*^verified /ms,
    '... and mdsctl check goes back') or diag($said);
is($t->read('got'), $t->read('fix-1.patch'), '... to that file');

told('is not offered again', 'install 1 full by fix-1');
told('... nor to who has the first', 'nothing', version => 1);
told('another version is nobody\'s business', 'nothing', version => $_)
    for '1.5', '2.1', '9';
told('an app of which it is no hotfix: nothing to take back', 'nothing',
    version => 2, app_version => '3.0.0');
told('an app that is not named: taken back all the same',
    'rollback none by fix-2', version => 2, app_version => undef);
told('... another platform', 'nothing', version => 2, platform => 'ios');

my $ask = qq({"app":"$app","platform":"android","app_version":"3.1.0",)
    . '"resources":[{"kind":"hotfix","version":"2"},'
    . '{"kind":"hotfix","version":"1"}]}';
my $batch = $t->raw(join "\r\n", 'POST /mds/v1/check HTTP/1.1', 'Host: x',
    'Content-Type: application/json', 'Connection: close',
    'Content-Length: ' . length $ask, '', $ask)->json;
is_deeply([ map { $_->{action} } @{ $batch->{results} } ],
    [ 'rollback', 'none' ], 'in a batch, too');
ok($device->verifies($batch->{results}[0]{manifest},
    $batch->{results}[0]{signature}), '... signed');

# What it goes back to: what the device is entitled to, ended ones too. An
# ended release is final, so that each state below is of a release of its own.
$t->mdsctl('end', $app, 'fix-1');
told('back to an ended one', 'rollback 1 full by fix-2', version => 2);
told('... which others do not get', 'nothing');
told('... and whoever has it keeps', 'nothing', version => 1);
told('not to one that it refuses', 'rollback none by fix-2', version => 2,
    refuse => '1');

$document{releases} = [ release_of('fix-1b', 1, state => 'paused'),
    release_of('fix-2', 2, state => 'rolled_back') ];
apply();
told('not to a paused one: to none', 'rollback none by fix-2', version => 2);
$m = $device->ask(version => 2);
is(exists $m->{version} ? $m->{version} : 'absent', undef, '... said by null');
ok(!exists $m->{full}, '... with no file');
$said = $device->check(version => 2);
like($said, qr/\Aexit 0\n.*^answer +roll back version 2: remove it\n/ms, '... mdsctl check')
    or diag($said);

$document{releases}[0] = release_of('fix-1b', 1, state => 'rolled_back');
apply();
told('not to one that was rolled back itself', 'rollback none by fix-2',
    version => 2);
told('... which goes, too', 'rollback none by fix-1b', version => 1);

# A running release of the same version keeps it, for whom it holds.
$document{releases} = [ release_of('fix-1c', 1),
    release_of('fix-2', 2, state => 'rolled_back'),
    release_of('fix-2-staff', 2, audience => { lists => ['staff'] }) ];
apply();
told('kept by another release', 'nothing', version => 2, user => 'alice');
told('... offered by it', 'install 2 full delta:1 by fix-2-staff',
    version => 1, user => 'alice');
told('... for whom it holds', 'rollback 1 full by fix-2', version => 2,
    user => 'bob');
$t->mdsctl('pause', $app, 'fix-2-staff');
told('... while it runs', 'rollback 1 full by fix-2', version => 2,
    user => 'alice');

# Something higher: forward, not back; and in full, since what it has is bad.
push @{ $document{packages} }, package_of(4, '3.1.0', '3.1.0');
push @{ $document{releases} }, release_of('fix-4', 4);
apply();
told('forward, where there is more', 'install 4 full by fix-4', version => 2);
told('... from a good one by a difference', 'install 4 full delta:1 by fix-4',
    version => 1);
$t->mdsctl('pause', $app, 'fix-4');
told('... back, when that is paused', 'rollback 1 full by fix-2', version => 2);

# An upgrade is not taken back.
my ($status, undef, $err) = $t->mdsctl_any('apply', $t->document({
    app => 'other', packages => [ { kind => 'upgrade', version => '1',
        file => 'fix-1.patch' } ],
    releases => [ { id => 'r', kind => 'upgrade', version => '1',
        audience => { all => $true }, state => 'rolled_back' } ] }));
is($status, 1, 'an upgrade cannot be rolled back');
like($err, qr{/releases/0/state: found "rolled_back"}, '... says apply');

$t->finish;
