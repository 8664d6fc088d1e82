# mds_watch over HTTP/2, where many streams share a connection, and behind a
# proxy that is nginx.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MDS;
use POSIX qw(WNOHANG);
use Test::More;

plan skip_all => 'curl has no HTTP/2' if `curl -V` !~ /\bHTTP2\b/;
plan skip_all => 'nginx has no HTTP/2' if `$MDS::NGINX -V 2>&1` !~ /http_v2_module/;

my $t = MDS->new(workers => 1);
my %document = (app => 'shop',
    packages => [ map { { kind => 'upgrade', platform => 'p', version => "$_.0", file => 'p' } } 1 .. 3 ],
    releases => []);

sub apply {
    my ($n) = @_;
    push @{ $document{releases} }, { id => "r$n", kind => 'upgrade', platform => 'p', version => "$n.0", audience => { all => JSON::PP::true } };
    $t->mdsctl('apply', $t->document(\%document));
}

$t->depot;
$t->write('p', 'package');
apply(1);
($t->run({}, qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout),
    "$t->{dir}/tls.key", '-out', "$t->{dir}/tls.pem"))[0] == 0 or die 'openssl';
$t->start(<<'END');
mds_depot %DEPOT%;
mds_watch_ping 200ms;
server {
    listen %LISTEN%;
    listen unix:%DIR%/h2 ssl http2;
    ssl_certificate     %DIR%/tls.pem;
    ssl_certificate_key %DIR%/tls.key;
    location = /watch  { mds_watch; }
    location = /status { mds_status; }
    location = /proxied {
        proxy_pass          http://127.0.0.1:%PORT%/watch;
        proxy_http_version  1.1;
        proxy_set_header    Connection "";
        proxy_buffering     off;
        proxy_read_timeout  60s;
    }
}
END

my $HOME = 'app=shop&kind=upgrade&platform=p&version=1.0';
my $watchers = sub { decode_json($t->get('/status?format=json')->body)->{watchers} };
my $out = "$t->{dir}/out";
my $pid;
END { local $?; kill 'KILL', $pid if $pid }

# Many streams on one connection; each writes to a file of its own.
sub curl {
    my ($uri, @more) = @_;
    mkdir $out;
    unlink glob "$out/*";
    $pid = fork // die "fork: $!";
    return if $pid;
    open STDERR, '>', '/dev/null';
    exec qw(curl -sNk --http2 -Z --parallel-max 60 --unix-socket), "$t->{dir}/h2",
        '-o', "$out/#1", @more, "https://localhost$uri";
}
sub with { my ($pattern) = @_; return scalar grep { $t->read('out/' . s{.*/}{}r) =~ $pattern } glob "$out/*" }
sub gone { waitpid $pid, 0; $pid = 0 }

curl("/watch?$HOME&device=d[1-40]");
ok($t->wait_for(sub { $watchers->() == 40 && with(qr/^retry:/) == 40 }), '40 streams over HTTP/2');
apply(2);
ok($t->wait_for(sub { with(qr/^data:/m) == 40 }), '... all are told');
ok($t->wait_for(sub { with(qr/^:$/m) == 40 }), '... and get comments');
kill 'KILL', $pid;
gone();
ok($t->wait_for(sub { $watchers->() == 0 }), 'a client that has gone has no watchers');

# curl cancels a stream at this time, and keeps the others. On a busy machine the time may
# be over before they are seen: then once more.
ok($t->wait_for(sub {
    curl("/watch?$HOME&device=d[1-10]", '--max-time', 2);
    my $seen = 0;
    while (waitpid($pid, WNOHANG) == 0) {
        $seen = 1 if $watchers->() == 10;
        select undef, undef, undef, 0.02;
    }
    $pid = 0;
    return $seen;
}), '10 streams');
ok($t->wait_for(sub { $watchers->() == 0 }), '... which are cancelled');

curl("/watch?$HOME&device=d[1-40]");
$t->wait_for(sub { $watchers->() == 40 });
$t->reload;
gone();
is(with(qr/retry: \d+\n\n\z/), 40, 'a reload ends all streams in order');
ok($t->wait_for(sub { $watchers->() == 0 }), '... and no watcher is left');

curl("/proxied?$HOME&device=d[1-5]");
ok($t->wait_for(sub { with(qr/^retry:/) == 5 }), 'a proxy sends the first bytes at once');
apply(3);
ok($t->wait_for(sub { with(qr/^data:/m) == 5 }), '... and each event');
kill 'KILL', $pid;
gone();
ok($t->wait_for(sub { $watchers->() == 0 }), '... and the edge sees that a client has gone');

$t->finish;
