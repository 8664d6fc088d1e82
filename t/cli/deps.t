#!/usr/bin/perl

# What make installs, and what it leaves alone: deps what building takes and no
# more, the other targets what they are for. apt-get and dpkg are others here,
# which note what they are asked for.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

use lib "$FindBin::Bin/lib";
use Ctl ();

my $root = abs_path("$FindBin::Bin/../..");
my $dir  = tempdir(CLEANUP => 1);

delete @ENV{qw(MAKEFLAGS MFLAGS)};

sub program {
    my ($name, $text) = @_;
    open my $file, '>', "$dir/$name" or die "$name: $!";
    print $file "#!/bin/sh\n$text\n";
    close $file;
    chmod 0755, "$dir/$name";
}

program('apt-get', <<"END");
echo "\$*" >> $dir/asked
[ -x $dir/policy ] && $dir/policy; echo "services: \$?" >> $dir/asked
END
program('dpkg-query', <<"END");
for name; do :; done
[ -e $dir/all ] && echo installed && exit 0
[ "\$name" != perl ] || { echo installed; exit 0; }
exit 1
END

# Exit status, what was said, the packages that apt-get was to install.
sub make {
    my ($target, $user) = @_;

    unlink "$dir/asked";
    program('id', 'echo ' . ($user // 0));
    my $said = `PATH=$dir:\$PATH make -s -C '$root' BUILD='$Ctl::build' \\
        POLICY=$dir/policy $target 2>&1`;
    my $status = $? >> 8;
    my $asked = -e "$dir/asked" ? Ctl::read_file("$dir/asked") : '';
    my ($packages) = $asked =~ /^-q -y install --no-install-recommends (.*)$/m;
    return ($status, $said, $asked, split ' ', $packages // '');
}

my $Makefile = Ctl::read_file("$root/Makefile");
my ($status, $said, $asked, @build) = make('deps');
is $status, 0, 'deps' or diag $said;
my %build = map { $_ => 1 } @build;
is_deeply [ grep { !$build{$_} } $Makefile =~ m{\b[\w/]+\.h:([\w-]+)}g ], [],
    'all that the compiler would miss is installed';
ok $build{$_}, "... $_" for qw(build-essential nginx-dev ca-certificates);
is_deeply [ grep { /lua|valgrind|clang|cppcheck|wrk|cmocka|minisign/ } @build ],
    [], '... and nothing of tests and tools';
like $asked, qr/^services: 101$/m, '... services stay as they are';
ok !-e "$dir/policy", '... and may be started afterwards';

for my $target (qw(deps-demo deps-test deps-tools)) {
    my ($status, $said, $asked, @packages) = make($target);
    is $status, 0, $target or diag $said;
    is_deeply [ grep { /lua/ } @packages ], [], '... nothing for nginx';
    is scalar(grep { $build{$_} } @packages), scalar @build,
        '... what building takes';
    is_deeply [ grep { $_ eq 'perl' } @packages ], [],
        '... nothing that is there';
}
is scalar(grep { $_ eq 'libnginx-mod-http-lua' } make('deps-bench')), 1,
    'deps-bench alone';

($status, $said, $asked) = make('deps', 1000);
isnt $status, 0, 'as somebody else';
like $said, qr/only root can install:.*liblmdb-dev.*make deps/, '... says what';
is $asked, '', '... and tries nothing';

open my $all, '>', "$dir/all" or die;
close $all;
for my $target (qw(deps deps-demo deps-test deps-tools deps-bench)) {
    ($status, $said, $asked) = make($target, 1000);
    is "$status$said$asked", '0', "$target: where all is there, nothing is done";
}

# What an edge needs is what module and mdsctl are linked with.
my ($needs) = Ctl::read_file("$root/docs/install.md")
    =~ /^## Requirements of an edge\n(.*?)^## /ms;
for my $file (qw(ngx_http_mds_module.so mdsctl)) {
    my @names = `objdump -p '$Ctl::build/$file'` =~ /NEEDED +(\S+)/g;
    ok scalar @names, "$file: needs some";
    for my $name (grep { !/^lib(?:c|m|asan|ubsan|gcc_s)\.so/ } @names) {
        my ($package) = (`/usr/bin/dpkg-query -S '*/$name' 2>&1`
            =~ /^([^:]+):/, 'none');
        like $needs, qr/`\Q$package\E`/, "... $name";
    }
}

done_testing;
