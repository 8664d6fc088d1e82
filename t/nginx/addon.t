# The module builds by nginx's own configure and make, and configure says in
# the words of the package manager what is missing.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use Test::More;

my $source = "$MDS::BUILD/nginx-src";
plan skip_all => 'no nginx source' if !-x "$source/configure";

# Built for its own sake: a sanitized build of the rest says nothing of it.
plan skip_all => 'not under sanitizers' if $ENV{TEST_NGINX_PRELOAD};

my $t = MDS->new;

sub configure {
    my ($name, @more) = @_;

    my $words = join ' ', map { "'$_'" } @more;
    return $t->run({}, 'bash', '-c', <<"END");
cp -R '$source' '$t->{dir}/$name' && cd '$t->{dir}/$name' || exit 1
NGX_CONF_FLAGS=(--with-compat --with-threads)
if [ -f conf_flags ]; then . ./conf_flags; fi
./configure "\${NGX_CONF_FLAGS[\@]}" $words --add-dynamic-module='$MDS::ROOT'
END
}

# A compiler that has no LMDB.
chmod 0755, $t->write('cc', <<'END');
#!/bin/sh
for word; do
    case $word in
        *autotest.c) if grep -q lmdb.h "$word"; then exit 1; fi ;;
    esac
done
exec cc "$@"
END

my ($status, $out) = configure('missing', "--with-cc=$t->{dir}/cc");
isnt($status, 0, 'no LMDB: configure fails');
like($out, qr/error: the mds module requires LMDB/, '... names it');
like($out, qr/apt-get install liblmdb-dev/, '... and the package');

# All there.
my $err;
($status, $out, $err) = configure('found');
is($status, 0, 'configure') or diag("$out$err");
($status, $out, $err) = $t->run({}, 'make', '-s', '-C', "$t->{dir}/found",
    '-f', 'objs/Makefile', 'modules');
is($status, 0, 'make modules') or diag("$out$err");

# An edge has no document, no compiler and no signing, and its workers start no
# process and become no other user: that is what mdsctl does.
my %folders = map { m{/addon/(\w+)/} ? ($1 => 1) : () }
    glob "$t->{dir}/found/objs/addon/*/*.o";
is_deeply [sort { $a cmp $b } keys %folders],
    [qw(base catalog evaluate fleet idset json lmdb merkle metrics
        ngx_mds_module overview registry request state)],
    'it has these folders';
my $symbols = `nm -u '$t->{dir}/found/objs/ngx_http_mds_module.so'`;
like($symbols, qr/ mdb_get\b/, 'its undefined symbols are read');
unlike($symbols, qr/ (?:fork|execv|setresuid|setgroups|socketpair|ZSTD_\w+)\b/,
    '... and none starts a process, becomes a user, or compresses');

{
    local $MDS::BUILD = "$t->{dir}/found/objs";
    ($status, $out) = $t->test_config('mds_depot %DEPOT%;'
        . 'server { listen %LISTEN%; location = /c { mds_check; } }');
    is($status, 0, 'nginx takes it') or diag($out);
}

done_testing;
