# Clients of other protocols, by instructions beside a check of the same
# resource: mds_resource with five variables, a CodePush check, and a
# difference for a browser.

use strict;
use warnings;

use Bench;
use Bench::Callgrind;
use Bench::Side;
use Digest::SHA qw(sha256 sha256_hex);
use MDS;
use MIME::Base64 qw(encode_base64);

my $CONF = <<'END';
mds_depot %DEPOT%;
mds_zone 0;
keepalive_requests 1000000000;
sendfile on;
server {
    listen %LISTEN%;
    server_name mds;
    location = /mds/v1/check { mds_check; }
    location /mds/v1/files/ { mds_files; }
    location /codepush/ { mds_attribute app bench; mds_attribute name web; mds_codepush; }
    location /feed {
        mds_attribute app bench;
        mds_resource bundle web installed=$arg_have;
        if ($mds_action = install) {
            return 200 '$mds_version $mds_path $mds_size $mds_sha256_base64 $mds_meta_description_json';
        }
    }
}
END

my %sides;

sub sides {
    return \%sides if %sides;
    my $t = MDS->new(workers => 1, patience => 120);
    my %bytes = map { $_ => "version $_\n" . join '', map { "line $_\n" } 1 .. 2_000 } 1, 2;

    $t->depot;
    for my $version (1, 2) {
        my @what = (qw(--kind bundle --name web --version), $version);
        $t->write("web-$version.js", $bytes{$version});
        $t->mdsctl('publish', $t->dir . "/web-$version.js", qw(--codepush --app bench), @what,
            '--app-version', '^1.4', '--meta', '{"description":"Faster"}');
        $t->mdsctl('release', 'bench', "web-$version", @what, '--percent', 100);
    }
    $t->start($CONF);

    my $have = "Available-Dictionary: :" . encode_base64(sha256($bytes{1}), '') . ":\r\n"
        . "Accept-Encoding: gzip, dcz\r\n";
    my $ask  = sub { my ($target) = @_; side($t, map { get($target =~ s/DEVICE/d$_/r, 'mds') }
        1 .. 200) };
    my $file = '/mds/v1/files/' . sha256_hex($bytes{2});
    %sides = (
        'check of that app' => $ask->('/mds/v1/check?app=bench&kind=bundle&name=web'
            . '&version=1&app_version=1.4.0&device=DEVICE'),
        'mds_resource with five variables' =>
            $ask->('/feed?have=1&app_version=1.4.0&device=DEVICE'),
        'CodePush check, update' => $ask->('/codepush/update_check?deployment_key=KEY-1'
            . '&app_version=1.4.0&package_hash=old&label=v1&client_unique_id=DEVICE'),
        'CodePush check, nothing' => $ask->('/codepush/update_check?deployment_key=KEY-1'
            . '&app_version=1.4.0&package_hash=old&label=v2&client_unique_id=DEVICE'),
        'file' => $ask->($file),
        'file, by a dictionary' => side($t,
            (get($file, 'mds') =~ s/\r\n\r\n\z/\r\n$have\r\n/r) x 200),
    );
    $t->wait_for(sub { answer($sides{'check of that app'})->status == 200 })
        or die "no answer:\n" . $t->error_log;
    for my $name (keys %sides) {
        my $answer = answer($sides{$name});
        die "$name: " . $answer->status if $answer->status != 200;
    }
    return \%sides;
}

for my $name ('check of that app', 'mds_resource with five variables', 'CodePush check, update',
    'CodePush check, nothing', 'file', 'file, by a dictionary') {
    measure "$name, instructions" => sub {
        my $own   = instructions($name, sides()->{$name});
        my $check = instructions('check of that app', sides()->{'check of that app'});
        row(
            name  => "$name, instructions",
            value => $own,
            unit  => 'instructions',
            note  => sprintf('%.2f of a check', $own / $check),
        );
    };
}

1;
