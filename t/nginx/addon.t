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

{
    local $MDS::BUILD = "$t->{dir}/found/objs";
    ($status, $out) = $t->test_config('mds_depot %DEPOT%;'
        . 'server { listen %LISTEN%; location = /c { mds_check; } }');
    is($status, 0, 'nginx takes it') or diag($out);
}

done_testing;
