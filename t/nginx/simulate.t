# The log format that docs/run.md offers, written by a real nginx: `mdsctl
# simulate` finds in it what devices have asked, batches and attributes that nginx sets
# included, and decides as the edge has.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use Test::More;

my $t = MDS->new;
$t->depot;
$t->write("b$_", "package $_") for 1, 2;

my $true = JSON::PP::true;
my %doc = (
    app => 'a',
    lists => { staff => { ids => [ 'alice', "b\x{f6}b \"q\"" ] } },
    packages => [ map { { kind => 'upgrade', version => "$_.0", file => "b$_" } } 1, 2 ],
    releases => [ { id => 'base', kind => 'upgrade', version => '1.0',
        audience => { all => $true } } ],
);
$t->mdsctl('apply', $t->document(\%doc));
push @{ $doc{releases} }, { id => 'next', kind => 'upgrade', version => '2.0',
    audience => { lists => ['staff'] } };
my $next = $t->document(\%doc);

my ($format) = $t->read("$MDS::ROOT/docs/run.md")
    =~ /^```nginx\n(log_format  mds_checks .*?;)\n/ms;
ok $format, 'docs/run.md has a format';
$format =~ s/\$remote_user/\$http_x_user/;

$t->start(<<"EOC");
mds_depot %DEPOT%;
$format
log_format plain '\$remote_addr - - [\$time_local] "\$request" \$status 0 "-" "-"';
server {
    listen %LISTEN%;
    mds_attribute user \$http_x_user;
    location = /mds/v1/check {
        mds_check;
        client_body_buffer_size 64k;
        access_log %DIR%/checks.log mds_checks;
        access_log %DIR%/plain.log plain;
    }
}
EOC
# --- devices ask

my $check = '/mds/v1/check?app=a&kind=upgrade&version=1.0';
$t->get("$check&device=d1", 'X-User' => 'alice');
$t->get("$check&device=d2&user=alice", 'X-User' => 'carol');
$t->get("$check&device=d3&user=alice");
$t->get("$check&device=d%204", 'X-User' => "b\xc3\xb6b \"q\"");
$t->get("$check&device=%zz");
my $body = JSON::PP->new->utf8->encode({ app => 'a', device => 'd5', user => 'alice',
    "x" => "\"\\\n\x{2028}\x{f6}", resources => [ { kind => 'upgrade', version => '1.0' },
    { kind => 'upgrade' }, { kind => 'bundle', name => 'none' } ] });
sub post {
    my ($body) = @_;
    my $r = $t->raw("POST /mds/v1/check HTTP/1.1\r\nHost: localhost\r\n"
        . "Connection: close\r\nContent-Type: application/json\r\nX-User: alice\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body");
    is $r->status, 200, 'a batch is answered' or diag $r->body;
}
post($body);
my $long = JSON::PP->new->utf8->encode({ app => 'a', device => 'd6', pad => 'p' x 200,
    resources => [ map { { kind => 'upgrade', version => '1.0', name => '' } } 1 .. 200 ] });
post($long);
$t->wait_for(sub { ($t->read("$t->{dir}/checks.log") =~ tr/\n//) == 7 }) or die;

sub simulate {
    my ($log, @options) = @_;
    my ($code, $out) = $t->run({}, "$MDS::BUILD/mdsctl", '--depot', $t->depot_dir,
        '--json', 'simulate', "$t->{dir}/$log", $next, @options);
    is $code, 0, "simulate $log" or diag $out;
    return JSON::PP->new->utf8->decode($out);
}

# --- what is found

my $found = simulate('checks.log', '--log-format', $format);
is $found->{log}{wrong}{count}, 0, 'every line fits';
is $found->{log}{refused}{count}, 1, '... one is refused, as the edge did';
is $found->{log}{batches_without_body}, 0, '... every body is there';
is $found->{checks}{requests}, 4 + 3 + 200, 'each resource of a batch is a check';
my %changed;
for my $row (@{ $found->{rows} }) {
    is "$row->{release} $row->{test} $row->{to}{version}", 'next new 2.0', 'a change';
    $changed{ $_->{attributes}{device} } = 1 for @{ $row->{examples} };
}
is_deeply [ sort keys %changed ], [ 'd 4', 'd1', 'd5', 'd6' ],
    'users are those that nginx has set, not those that devices claim';
is $found->{changed}{requests}, 2 + 2 + 200, '... and each of their checks changes';

# --- the edge decides so, once the document is applied

$t->mdsctl('apply', $next);
is $t->get("$check&device=d1", 'X-User' => 'alice')->json->{version}, '2.0', 'alice';
is $t->get("$check&device=d2&user=alice", 'X-User' => 'carol')->status, 204, 'carol';

# --- a log in the format `combined` has neither

$t->mdsctl('revert', 2);
$found = simulate('plain.log');
is $found->{log}{batches_without_body}, 2, 'combined: no batches';
is_deeply [ sort map { $_->{attributes}{device} } map { @{ $_->{examples} } }
    @{ $found->{rows} } ], [ 'd2', 'd3' ], '... and what devices claim';

$t->finish;