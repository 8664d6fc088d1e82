# mds_codepush beside the CodePush server: the histories of that server's own
# acquisition tests, published by mdsctl, and the answers that they expect.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use Test::More;

my $t = MDS->new;
$t->depot;

# By deployment: the binary range, whether it is mandatory, and the hash of each
# label, from v1 on.
my %history = (
    plain    => [ [ '1.0.0', 0, 'hash100' ], [ '1.0.0', 1, 'hash101' ],
        [ '1.0.0', 0, 'hash102' ] ],
    binaries => [ [ '1.0.0', 0, 'hash100' ], [ '1.0.0', 1, 'hash101' ],
        [ '2.0.0', 0, 'hash202' ], [ '1.0.0', 0, 'hash103' ],
        [ '3.0.0', 1, 'hash304' ], [ '2.0.0', 0, 'hash205' ],
        [ '3.0.0', 0, 'hash306' ] ],
    ranges   => [ [ '*', 0, 'hash100' ], [ '^1.0.0', 1, 'hash101' ],
        [ '>=1.1.0 <1.2.0', 0, 'hash103' ] ],
    disabled => [ [ '*', 1, 'hash100' ], [ '*', 0, 'hash100' ],
        [ '*', 1, 'hash101' ], [ '2.0.0', 0, 'hash102' ] ],
);

for my $name (sort keys %history) {
    my $version = 0;
    for my $entry (@{ $history{$name} }) {
        my ($range, $mandatory, $hash) = @$entry;
        my @what = (qw(--kind bundle --name), $name, '--version', ++$version);
        $t->write('update.js', "$name $version");
        $t->mdsctl('publish', $t->dir . '/update.js', '--codepush', qw(--app rn),
            @what, qw(--deltas 0 --app-version), $range, '--meta',
            JSON::PP->new->canonical->encode({ package_hash => $hash,
                mandatory => $mandatory ? JSON::PP::true : JSON::PP::false }));
        $t->mdsctl('release', 'rn', "$name-$version", @what, '--all');
    }
}
$t->mdsctl(qw(pause rn disabled-3));

$t->start(q(
mds_depot %DEPOT%;
map $mds_deployment_key $name { ~^key-(?<deployment>[a-z]+)$ $deployment; }
map $name $app { "" ""; default rn; }
server {
    listen %LISTEN%;
    location / {
        add_header X-Key $mds_deployment_key always;
        mds_attribute app $app; mds_attribute name $name;
        mds_codepush;
    }
}
));

# What an operator puts into a header ends no line of it.
my $split = $t->get('/update_check?deployment_key=key-plain%0d%0aX-Evil:1&app_version=1.0');
is($split->header('X-Evil'), undef, 'a key with line ends makes no header');
is($split->header('X-Key'), undef, '... it is none');
is($t->get('/update_check?deployment_key=key-plain&app_version=1.0')->header('X-Key'), 'key-plain',
    'a key');

# Deployment, parameters, and what the answer has: label, or "-" for none, then
# M for mandatory, B for the binary's own, A and a range for an update of it.
my @cases = (
    [ 'plain', 'appVersion=1.0.0&packageHash=hash009', 'v3 M' ],
    [ 'plain', 'appVersion=1.0', 'v3 M' ],
    [ 'plain', 'appVersion=1.0%2Bmetadata', 'v3 M' ],
    [ 'plain', 'appVersion=1.0-prerelease', '- BA 1.0.0' ],
    [ 'plain', 'appVersion=1.0.0', 'v3 M' ],
    [ 'plain', 'appVersion=1.0.0&packageHash=&isCompanion=&label=&clientUniqueId=', 'v3 M' ],
    [ 'plain', 'appVersion=1.0.0&packageHash=hash101', 'v3 ' ],
    [ 'plain', 'appVersion=1.0.0&packageHash=hash101&label=v2', 'v3 ' ],
    [ 'plain', 'appVersion=1.0.0&packageHash=hash009&label=v1', 'v3 M' ],
    [ 'plain', 'appVersion=1.0.0&packageHash=hash102', '- ' ],
    [ 'plain', 'appVersion=0.0.8&packageHash=hash009', '- BA 1.0.0' ],
    [ 'plain', 'appVersion=2.0.0&packageHash=hash009', '- B 1.0.0' ],
    [ 'plain', 'appVersion=2.0.0&packageHash=hash009&isCompanion=true', 'v3 M' ],
    [ 'plain', 'appVersion=0.0.6&packageHash=hash009&is_companion=true', 'v3 M' ],

    [ 'binaries', 'appVersion=1.0.0', 'v4 M' ],
    [ 'binaries', 'appVersion=1.0.0&packageHash=hash100', 'v4 M' ],
    [ 'binaries', 'appVersion=1.0.0&packageHash=hash103', '- A 3.0.0' ],
    [ 'binaries', 'appVersion=2.0.0&packageHash=hash202', 'v6 ' ],
    [ 'binaries', 'appVersion=3.0.0&packageHash=hash304', 'v7 ' ],
    [ 'binaries', 'appVersion=3.0.0&packageHash=hash306', '- ' ],

    [ 'ranges', 'appVersion=2.0.0', 'v1 ' ],
    [ 'ranges', 'appVersion=1.0.1', 'v2 M' ],
    [ 'ranges', 'appVersion=0.0.1&packageHash=hash100', '- A >=1.1.0 <1.2.0' ],
    [ 'ranges', 'appVersion=3.0.0&packageHash=hash100', '-  >=1.1.0 <1.2.0' ],
    [ 'ranges', 'appVersion=1.1.5&packageHash=hash100', 'v3 M' ],

    [ 'disabled', 'appVersion=1.0.0', 'v2 M' ],
    [ 'disabled', 'appVersion=2.0.0&label=v1&packageHash=hash100', 'v4 ' ],
);

for my $case (@cases) {
    my ($name, $query, $expected) = @$case;
    my $r = $t->get("/updateCheck?deploymentKey=%0D%0Akey-$name%20&$query");
    my $info = $r->json->{updateInfo};
    my $got = ($info->{isAvailable} ? $info->{label} : '-') . ' '
        . ($info->{isMandatory} ? 'M' : '') . ($info->{shouldRunBinaryVersion} ? 'B' : '')
        . ($info->{updateAppVersion} ? 'A' : '');
    my ($asked) = $query =~ /appVersion=([^&]*)/;
    my $target = $info->{appVersion};
    $got .= " $target" if !$info->{isAvailable} && $target ne '';
    is($got, $expected, "$name: $query");
    is($target, $asked =~ s/%2B/+/r, '... for this binary') if $info->{isAvailable};
    is($info->{target_binary_range}, $target, '... by either name');
}

$t->finish;
