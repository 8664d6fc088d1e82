# The body of a POST beside what else reads it: something that has read it
# before, into memory or a file, and something that reads it afterwards. It is
# the whole body for all of them, and the connection stays good.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use Test::More;

my $lua = '/usr/lib/nginx/modules/ngx_http_lua_module.so';
my $t = MDS->new(-e $lua ? (main => "load_module $lua;") : ());
my $JSON = JSON::PP->new->utf8->canonical;
if (-e $lua) {
    (my $ndk = $lua) =~ s/ngx_http_lua/ndk_http/;
    $t->{main} = "load_module $ndk;\n$t->{main}" if -e $ndk;
}

$t->depot;
$t->write('b', 'package');
$t->mdsctl('apply', $t->document({ app => 'a', packages => [
    { kind => 'bundle', name => 'b', version => '1', file => 'b' } ],
    releases => [ { id => 'r', kind => 'bundle', name => 'b', version => '1',
        audience => { all => JSON::PP::true } } ] }));

my @before = (
    [ plain    => '' ],
    [ mirror   => 'mirror /to;' ],
    [ mirrored => 'mirror /to/check;' ],
    [ small    => 'mirror /to; client_body_buffer_size 1k;' ],
    [ none     => 'mirror /bare; mirror_request_body off;' ],
    [ file     => 'client_body_in_file_only on;' ],
    [ clean    => 'mirror /to; client_body_in_file_only clean;' ],
    [ single   => 'client_body_in_single_buffer on;' ],
    [ auth     => 'auth_request /ok;' ],
    [ action   => 'post_action /to;' ],
    [ rewrite  => 'set $x 1; if ($x) { set $y 2; }' ],
    -e $lua ? [ lua => 'access_by_lua_block { ngx.req.read_body() }' ] : (),
);
my $locations = join "\n", map {
    my ($name, $more) = @$_;
    "location = /$name { mds_check; access_log %DIR%/$name.log body; $more }"
} @before;

$t->start(<<"END");
mds_depot %DEPOT%;
keepalive_timeout 60s;
log_format body escape=none '\$status \$request_body';
server {
    listen %LISTEN%;
    $locations
    location = /ok { return 204; }
    location = /to {
        internal;
        proxy_pass http://%LISTEN%/copy;
    }
    location = /bare {
        internal;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_pass http://%LISTEN%/copy;
    }
    location = /to/check { internal; mds_check; }
    location = /copy { mds_check; access_log %DIR%/copy.log body; }
    location = /messages { mds_messages; mirror /to; }
}
END

sub body {
    my ($bytes) = @_;
    my $body = $JSON->encode({ app => 'a', resources => [
        { kind => 'bundle', name => 'b' } ] });
    return $body . ' ' x ($bytes - length $body);
}

# One that comes with its head, and one that comes when it is asked for.
sub ask {
    my ($target, $body, $chunks) = @_;
    my $head = "POST $target HTTP/1.1\r\nHost: a\r\n"
        . "Content-Type: application/json\r\n";
    my $bytes = $body;
    if ($chunks) {
        $head .= "Transfer-Encoding: chunked\r\n";
        $bytes = join '', (map { sprintf "%x\r\n%s\r\n", length $_, $_ }
            unpack '(a5000)*', $body), "0\r\n\r\n";
    } else {
        $head .= 'Content-Length: ' . length($body) . "\r\n";
    }
    return ("$head\r\n$bytes", [ "${head}Expect: 100-continue\r\n\r\n", $bytes ]);
}

sub actions {
    my ($r) = @_;
    return 'no answer' if !$r;
    return $r->status if $r->status != 200;
    return join ' ', map { $_->{action} } @{ $r->json->{results} };
}

# Lines that were logged with all of these bytes.
sub logged {
    my ($file, $body) = @_;
    return scalar grep { $_ eq "200 $body" } split /\n/, $t->read($file);
}

my $get = "GET /plain?app=a&kind=bundle&name=b HTTP/1.1\r\nHost: a\r\n\r\n";

for (@before) {
    my ($name, $more) = @$_;
    for my $bytes (100, 17_000, 65_536) {
        my $body = body($bytes);
        for my $chunks (0, 1) {
            my $title = "$name: $bytes bytes" . ($chunks ? ' in chunks' : '');
            my $copies = logged('copy.log', $body);

            my @answers = $t->converse((map { ($_, $get) }
                ask("/$name", $body, $chunks)));
            is(join(', ', map { actions($_) } @answers[0, 2]),
                'install, install', $title);
            is(join(', ', map { $_ ? $_->status : 'no answer' } @answers[1, 3]),
                '200, 200', '... and the connection goes on');

            # Only what is in memory is in the variable; with post_action, the
            # log is that of its location.
            my $in_file = $name =~ /^(?:file|clean|action)$/
                || $bytes > 16_000 && $more =~ /mirror|lua/;
            $t->wait_for(sub { logged("$name.log", $body) == 2 * (1 + $chunks) })
                if !$in_file;
            is(logged("$name.log", $body), 2 * (1 + $chunks),
                '... $request_body has it') if !$in_file;

            next if $more !~ m{(?:mirror|post_action) /to;};
            $t->wait_for(sub { logged('copy.log', $body) == $copies + 2 });
            is(logged('copy.log', $body), $copies + 2, '... so does a copy');
        }
    }
}

# Too long, wherever it is.
for (@before) {
    my ($name) = @$_;
    my @all = map { ask("/$name", body(65_537), $_) } 0, 1;
    is(join(' ', map { ($t->converse($_))[0]->status } @all), '413 413 413 413',
        "$name: a byte too many is 413");
}

# Marks, too: 400, since the app has no messages, and not for want of a body.
my $marks = $JSON->encode({ app => 'a', user => 'u', read => [ 1 ] });
for my $marks ($marks, $marks . ' ' x 20_000) {
    my ($r) = $t->converse(ask('/messages', $marks));
    like($r->json->{detail}, qr/^id 1 is above the newest/,
        'messages: a mirrored body of ' . length $marks);
}

$t->finish;
