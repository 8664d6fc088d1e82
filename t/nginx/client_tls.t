#!/usr/bin/perl

# mdsctl check against an nginx that shows a certificate of its own authority,
# and wants to see one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use Test::More;

my $t   = MDS->new;
my $dir = $t->dir;

sub openssl {
    my (@words) = @_;
    my ($status, undef, $err) = $t->run({}, 'openssl', @words);
    die "openssl @words: $err" if $status != 0;
}

sub authority {
    my ($name) = @_;
    openssl(qw(req -x509 -newkey rsa:2048 -nodes -days 2 -subj), "/CN=$name",
        '-keyout', "$dir/$name.key", '-out', "$dir/$name.pem");
}

sub certificate {
    my ($name, $by) = @_;
    $t->write("$name.ext", "subjectAltName = IP:127.0.0.1\n");
    openssl(qw(req -newkey rsa:2048 -nodes -subj), "/CN=$name", '-keyout',
        "$dir/$name.key", '-out', "$dir/$name.csr");
    openssl(qw(x509 -req -days 2 -CAcreateserial -in), "$dir/$name.csr",
        '-CA', "$dir/$by.pem", '-CAkey', "$dir/$by.key", '-extfile',
        "$dir/$name.ext", '-out', "$dir/$name.pem");
}

authority('ca');
authority('another');
certificate('server', 'ca');
certificate('device', 'ca');
certificate('stranger', 'another');
$t->write('both.pem', $t->read('device.pem') . $t->read('device.key'));

$t->write('shop.apk', 'a new shop');
$t->depot;
$t->mdsctl('apply', $t->document({ app => 'shop',
    packages => [ { kind => 'upgrade', platform => 'android', version => '2',
        file => 'shop.apk' } ],
    releases => [ { id => 'r', kind => 'upgrade', platform => 'android',
        version => '2', audience => { all => JSON::PP::true } } ] }));

my $tls = $t->free_port;
$t->start(<<"EOF_CONFIG");
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    listen 127.0.0.1:$tls ssl;
    ssl_certificate        %DIR%/server.pem;
    ssl_certificate_key    %DIR%/server.key;
    ssl_client_certificate %DIR%/ca.pem;
    ssl_verify_client      on;
    location = /mds/v1/check  { mds_check; }
    location   /mds/v1/files/ { mds_files; }
}
EOF_CONFIG

sub check {
    my (@options) = @_;
    unlink "$dir/out";
    return $t->mdsctl_any('check', "https://127.0.0.1:$tls/mds/v1/", '--pub',
        "$dir/test.pub", '--out', "$dir/out", @options,
        qw(app=shop kind=upgrade platform=android));
}

my @ca = ('--cacert', "$dir/ca.pem");
my ($status, $out, $err) = check(@ca, '--cert', "$dir/device.pem",
    '--cert-key', "$dir/device.key");
is($status, 0, 'both sides know each other') or diag($err);
is($t->read('out'), 'a new shop', '... and the package is there');
($status, $out, $err) = check(@ca, '--cert', "$dir/both.pem");
is($status, 0, 'certificate and key in one file') or diag($err);

($status, $out, $err) = check('--cert', "$dir/both.pem");
is($status, 1, 'an authority that is not known here: refused');
like($err, qr/^mdsctl: https:.*certificate/i, '... says why');
($status, $out, $err) = check('--cacert', "$dir/another.pem", '--cert',
    "$dir/both.pem");
is($status, 1, 'another authority: refused');
like($err, qr/certificate/i, '... says why');
ok(!-e "$dir/out", '... and nothing is kept');

($status, $out, $err) = check(@ca);
is($status, 1, 'without a certificate of its own: refused by the server');
like($err, qr/answers 400/, '... which says so');
($status, $out, $err) = check(@ca, '--cert', "$dir/stranger.pem", '--cert-key',
    "$dir/stranger.key");
is($status, 1, 'the certificate of a stranger: refused by the server');
($status, $out, $err) = check(@ca, '--cert', "$dir/device.pem", '--cert-key',
    "$dir/stranger.key");
is($status, 1, 'a key of another certificate: refused');
($status, $out, $err) = check('--cacert', "$dir/none.pem");
is($status, 1, 'no such file of authorities: refused');
like($err, qr/none\.pem/, '... which is named');

$t->finish;
