package Bench::Lua;

# The same catalog and the same checks in Lua (t/bench/lua), in an nginx of its
# own with Debian's module: the document is made ready once, at the start.

use strict;
use warnings;

use Bench::Side;
use Exporter qw(import);
use JSON::PP;
use MDS;

our @EXPORT = qw(lua_side);

my %started;    # by world

# The side that answers as this world would.
sub lua_side {
    my ($world, $what) = @_;

    my $t = $started{$world} //= start($world);
    return side($t, @{ $world->check($what => 'lua')->{requests} });
}

sub start {
    my ($world) = @_;

    my ($modules) = `$MDS::NGINX -V 2>&1` =~ /--modules-path=(\S+)/;
    my $t = MDS->new(
        patience => 120,
        main => join "\n", map { "load_module $modules/$_.so;" }
            qw(ndk_http_module ngx_http_lua_module),
    );

    $t->write('bench.json', $world->{t}->read('bench.json'));
    $t->write('manifests.json', encode_json($world->manifests));
    $world->ids_file($t);
    my $serial = answer($world->check(nothing => 'mds'))->header('MDS-Serial');

    return $t->start(<<"END");
keepalive_requests 1000000000;
lua_package_path "$MDS::ROOT/t/bench/lua/?.lua;;";
init_by_lua_block { require("catalog").load("%DIR%", $world->{ids}) }
server {
    listen %LISTEN%;
    server_name lua;
    add_header MDS-Serial $serial;
    add_header Cache-Control no-store;
    location = /mds/v1/check {
        content_by_lua_block { require("check").run() }
    }
}
END
}

1;
