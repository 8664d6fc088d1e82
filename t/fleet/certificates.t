#!/usr/bin/perl

# The set-up of docs/fleet.md with certificates: stock nginx gives the feed and
# files to edges that have one of its authority, and nothing to others.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../nginx/lib";
use Digest::SHA qw(sha256_hex);
use MDS;
use Test::More;

plan skip_all => 'openssl is not installed' if system('openssl version > /dev/null 2>&1') != 0;

my $t   = MDS->new;
my $dir = $t->dir;
$t->depot;

sub openssl {
    my @words = @_;
    my ($code, undef, $err) = $t->run({}, 'openssl', @words);
    die "openssl @words: $err" if $code != 0;
}

my @key = qw(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2);
for my $authority (qw(ours theirs)) {
    openssl('req', '-x509', @key, '-subj', "/CN=$authority", '-keyout', "$dir/$authority.key",
        '-out', "$dir/$authority.pem");
}
$t->write('names', 'subjectAltName=IP:127.0.0.1');
for (['origin', 'ours'], ['edge', 'ours'], ['stranger', 'theirs']) {
    my ($name, $authority) = @$_;
    openssl('req', '-new', @key[0 .. 3], '-nodes', '-subj', "/CN=$name", '-keyout', "$dir/$name.key",
        '-out', "$dir/$name.csr");
    openssl('x509', '-req', '-in', "$dir/$name.csr", '-CA', "$dir/$authority.pem", '-CAkey',
        "$dir/$authority.key", '-CAcreateserial', '-days', 2, '-extfile', "$dir/names", '-out',
        "$dir/$name.pem");
}

$t->write('file', 'a package');
$t->mdsctl('publish', "$dir/file", qw(--app a --kind bundle --name b --version 1));
$t->mdsctl(qw(release a r --kind bundle --name b --version 1 --all --yes));
$t->start(<<"END");
mds_depot %DEPOT%;
server {
    listen %LISTEN% ssl;
    ssl_certificate         $dir/origin.pem;
    ssl_certificate_key     $dir/origin.key;
    ssl_client_certificate  $dir/ours.pem;
    ssl_verify_client       on;

    location /mds/v1/feed/  { mds_feed; }
    location /mds/v1/files/ { mds_files; }
}
END

my $edge = "$dir/edge";
my @user = $> != 0 ? () : ('--user', getpwnam('www-data') ? 'www-data' : 'nobody', '--agent', 'root');
$t->run({}, "$MDS::BUILD/mdsctl", '--depot', $edge, 'init', @user);

sub once {
    my ($code, undef, $err) = $t->run({}, "$MDS::BUILD/mdsctl", '--depot', $edge,
        qw(agent --once --origin), "https://127.0.0.1:$t->{port}/mds/v1/", '--pub', "$dir/test.pub", @_);
    return ($code, $err);
}
sub serial { return unpack 'Q<', substr $t->read("$_[0]/CURRENT"), 8 }
sub certificate { return ('--cert', "$dir/$_[0].pem", '--cert-key', "$dir/$_[0].key") }

my @ours = ('--cacert', "$dir/ours.pem");
for my $case (
    [ 'without a certificate', qr/the server answers 400/, @ours ],
    [ 'a certificate of another authority', qr/the server answers 400/, @ours, certificate('stranger') ],
    [ 'an origin of another authority', qr/certificate/i, '--cacert', "$dir/theirs.pem", certificate('edge') ],
) {
    my ($name, $said, @words) = @$case;
    my ($code, $err) = once(@words);
    is $code, 1, "$name: exit 1";
    like $err, $said, '... and says so';
    isnt serial($edge), serial($t->depot_dir), '... nothing is taken';
}
my ($code, $err) = once(@ours, certificate('edge'));
is $code, 0, 'with its certificate, an edge follows' or diag $err;
is serial($edge), serial($t->depot_dir), '... the serial is in force';
ok -f "$edge/files/" . sha256_hex('a package'), '... and the file is there';

$t->finish;
