package Device;

# A device before a MDS: asks, and verifies what it is told by openssl, which
# shares no code with us.
#
#   my $device = Device->new($t, app => 'com.example.shop', kind => 'hotfix');
#   my $m = $device->ask(version => 2);     # the manifest; undef for 204
#   like($device->check(version => 2), qr/told +rollback/);   # mdsctl check

use strict;
use warnings;

use MIME::Base64 qw(decode_base64);

our $BASE = '/mds/v1/';

sub new {
    my ($class, $t, %is) = @_;
    return bless { t => $t, is => \%is }, $class;
}

# The attributes as a query; undef takes one away.
sub query {
    my ($self, %more) = @_;
    my %is = (%{ $self->{is} }, %more);

    return join '&', map {
        (my $value = $is{$_}) =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
        "$_=$value";
    } grep { defined $is{$_} } sort keys %is;
}

sub ask {
    my ($self, %more) = @_;

    my $query = $self->query(%more);
    my $r     = $self->{t}->get("${BASE}check?$query");
    return undef if $r->status == 204;
    die "$query: " . $r->status . ' ' . $r->body if $r->status != 200;
    die "$query: the signature does not hold"
        if !$self->verifies($r->body, $r->header('MDS-Signature'));

    return $r->json;
}

# What a manifest comes to: "install 2 full delta:1 by fix-2".
sub told {
    my ($self, %more) = @_;

    my $m = $self->ask(%more) // return 'nothing';
    return join ' ', $m->{action}, $m->{version} // 'none',
        ($m->{full}  ? 'full' : ()),
        ($m->{delta} ? "delta:$m->{delta}{from}" : ()), "by $m->{release}";
}

# DSSE's pre-authentication encoding, and the key as minisign has it: 2 bytes
# "Ed", 8 of the key's id, 32 of the key.
sub verifies {
    my ($self, $body, $signature) = @_;

    my $t    = $self->{t};
    my $type = 'application/vnd.mds.manifest+json';
    my ($sig) = ($signature // '') =~ /^keyid="[0-9A-F]{16}", sig=:(.*):$/
        or return 0;
    my $key = substr decode_base64((split /\n/, $t->read('test.pub'))[1]), 10;

    my ($status) = $t->run({}, qw(openssl pkeyutl -verify -rawin -pubin),
        '-keyform', 'DER', '-inkey', $t->write('key.der',
            pack('H*', '302a300506032b6570032100') . $key),
        '-sigfile', $t->write('sig', decode_base64($sig)),
        '-in', $t->write('pae', join ' ', 'DSSEv1', length $type, $type,
            length $body, $body));
    return $status == 0;
}

# What mdsctl says that it did; options are words that begin with a dash.
sub check {
    my ($self, @words) = @_;

    my $t = $self->{t};
    my @options;
    push @options, splice @words, 0, 2 while @words && $words[0] =~ /^--/;
    my %is = (%{ $self->{is} }, @words);

    my ($status, $out, $err) = $t->run({}, "$MDS::BUILD/mdsctl", 'check',
        $t->url($BASE), '--pub', "$t->{dir}/test.pub", @options,
        map { "$_=$is{$_}" } grep { defined $is{$_} } sort keys %is);
    return "exit $status\n$out$err";
}

1;
