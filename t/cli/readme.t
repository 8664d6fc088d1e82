# What README and docs show can be typed: the `sh` blocks of a page are run one
# after the other, on a machine that looks like a Debian with nginx, two builds
# of an app, and nothing else.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../nginx/lib";
use File::Path qw(make_path);
use MDS;
use Test::More;

plan skip_all => 'an installed nginx takes no sanitizer'
    if $ENV{TEST_NGINX_PRELOAD};

my $MODULES = '/usr/lib/nginx/modules';
my @machines;

END {
    my $status = $?;
    end($_) for @machines;
    $? = $status;
}

# What the one who runs the tests has set must not decide them.
delete @ENV{qw(MDS_DEPOT MDS_KEY MAKEFLAGS MFLAGS NGINX)};

sub program {
    my ($t, $name, $text) = @_;
    chmod 0755, $t->write("bin/$name", "#!/bin/sh -e\n$text\n");
}

# The machine. Folders that begin a path in the pages lie in its own folder.
sub machine {
    my $t   = MDS->new;
    my $dir = $t->{dir};
    push @machines, $t;

    make_path(map { "$dir/$_" } qw(bin etc/nginx/modules-enabled
        etc/nginx/conf.d etc/systemd/system log root share srv work));
    symlink "$dir/root$MODULES", "$dir/share/modules";
    $t->{other_port} = $t->free_port;

    $t->write('etc/nginx/nginx.conf', join "\n", $t->user,
        "pid $dir/nginx.pid; error_log $dir/log/error.log info;",
        "include $dir/etc/nginx/modules-enabled/*.conf;",
        'events { }', 'http {', 'access_log off;',
        (map { "${_}_temp_path $dir/temp_$_;" }
            qw(client_body proxy fastcgi uwsgi scgi)),
        "include $dir/etc/nginx/conf.d/*.conf;", '}');

    program($t, 'make', "exec /usr/bin/make -s -C '$MDS::ROOT' -o all"
        . " BUILD='$MDS::BUILD' DESTDIR='$dir/root' MODULESDIR=$MODULES \"\$@\"");
    # A reload is over once the old workers have gone: people are not as fast.
    program($t, 'nginx', <<"END");
nginx() { $MDS::NGINX -p $dir/share/ -c $dir/etc/nginx/nginx.conf \\
    -e $dir/log/error.log "\$@"; }
if [ "\$*" != '-s reload' ]; then nginx "\$@"; exit; fi
old=\$(cat /proc/\$(cat $dir/nginx.pid)/task/*/children || true)
nginx -s reload
for try in \$(seq 2400); do
    again=no
    for pid in \$old; do [ ! -e /proc/\$pid ] || again=yes; done
    [ \$again = yes ] || exit 0
    sleep 0.05
done
exit 1
END
    program($t, 'service', "[ \"\$*\" = 'nginx start' ]\nexec nginx");
    program($t, 'systemctl', <<"END");
case "\$*" in
'reload nginx') nginx -t 2> /dev/null || nginx -t; nginx -s reload ;;
'daemon-reload') ;;
'enable --now '*.timer) [ -s $dir/etc/systemd/system/"\$3" ] ;;
'start '*.service)
    sed -n 's/%%/%/g;s/\\\$\\\$/\$/g;s/^ExecStart=//p' \\
        $dir/etc/systemd/system/"\$2" > $dir/started
    [ -s $dir/started ]
    sh -e $dir/started ;;
*) exit 1 ;;
esac
END

    # Two builds that have much in common, as builds do.
    my @part = map { join '', map { chr int rand 256 } 1 .. 50_000 } 1 .. 3;
    $t->write('work/shop-3.1.0.apk', "$part[0]$part[1]");
    $t->write('work/shop-3.2.0.apk', "$part[0]$part[2]");

    return $t;
}

# The blocks of a page as one script that says where it is.
sub script {
    my ($t, $page) = @_;
    my $dir  = $t->{dir};
    my $text = $t->read("$MDS::ROOT/$page");
    my $script = "set -euo pipefail\n";

    while ($text =~ /^```sh\n(.*?)^```/msg) {
        my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
        $script .= "echo '# $page:$line' >&2\n$1";
    }

    $script =~ s{(?<![\w.])(/etc/(?:nginx|systemd)|/srv|/backup)\b}{$dir$1}g;
    $script =~ s{(?<![\w.])(/usr/local/bin|$MODULES)\b}{$dir/root$1}g;
    $script =~ s{/var/log/nginx}{$dir/log}g;
    $script =~ s{/var/lib/mds}{$dir/mds}g;
    $script =~ s{\b808[01]\b}{$t->{port}}g;
    $script =~ s{\b443\b}{$t->{other_port}}g;

    return $script;
}

# Runs a page, where nginx is running already or not; the machine afterwards, and
# what was said.
sub follow {
    my ($page, %is) = @_;
    my $t   = machine();
    my $dir = $t->{dir};

    $t->run({}, "$dir/bin/nginx") if $is{running} // 1;

    $t->write('page.sh', script($t, $page));
    my ($status, $out, $err) = $t->run({
        PATH => "$dir/bin:$dir/root/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        MDS_DEPOT => "$dir/mds", %{ $is{env} // {} },
    }, 'bash', '-c', "cd $dir/work && exec bash $dir/page.sh");
    is($status, 0, "$page can be followed") or diag($out, $err);
    # The one who reloads an nginx that does not run is told so, and 429 is said.
    unlike(join("\n", grep { !/invalid PID number ""|limiting requests/ }
        split /\n/, $t->read('log/error.log')),
        qr/\[(?:error|crit|alert|emerg)\]/,
        '... and nginx has nothing to complain of');

    return ($t, $out);
}

sub end {
    my ($t) = @_;
    my ($pid) = split ' ', $t->read('nginx.pid') or return;
    kill 'TERM', $pid;
    $t->wait_for(sub { !kill 0, $pid }) or kill 'KILL', $pid;
}

# Behind a demo: the shell still has what the demo has said, and 8080 is the
# demo's.
my ($t, $out);
for my $is ({}, { running => 0, env => { MDS_DEPOT => '/nonexistent/demo/depot',
    MDS_KEY => '/nonexistent/demo/demo.key' } })
{
    ($t, $out) = follow('README.md', %$is);
    like($out, qr/^download +difference/m, '... a device gets the difference');
    like($out, qr/^HTTP.* 200 .*"version":"3\.2\.0"/ms, '... curl is told of it');
    end($t);
}
unlike(MDS->read("$MDS::ROOT/README.md"), qr/:8080\b/, "not the demo's port");

($t, $out) = follow('docs/design.md');
like($out, qr/Verified Successfully/, '... openssl takes the signature');
end($t);

SKIP: {
    skip 'no rsync', 3 if system('command -v rsync > /dev/null') != 0;
    ($t, $out) = follow('docs/operations.md');
    is(scalar(() = $out =~ /^serial \d+: install 3\.2\.0/mg), 2,
        '... the other edge decides as this one does');
    end($t);
}

# What a page names is there: other pages, their sections, tests, headers.
for my $page ('README.md', map { s{^\Q$MDS::ROOT\E/}{}r }
    glob "$MDS::ROOT/docs/*.md")
{
    my $text = MDS->read("$MDS::ROOT/$page");
    my ($folder) = $page =~ m{^(.*/)?};
    my @named = map { [ '', $_ ] } $text =~ m{`((?:t|lib)/[\w./]+)`}g;
    push @named, map { [ $folder // '', $_ ] }
        $text =~ m{\]\((?!\w+:)([^)]+)\)}g;

    my @missing = grep { !is_there($page, @$_) } @named;
    is(join(' ', map { $_->[1] } @missing), '', "$page names what is there");
}

sub is_there {
    my ($page, $folder, $name) = @_;
    my ($file, $section) = split /#/, $name;
    my $path = "$MDS::ROOT/" . (length $file ? "$folder$file" : $page);

    return 0 if !-e $path;
    return 1 if !defined $section;

    # As GitHub makes them of headings.
    my @anchors = map { lc =~ s/[^\w -]//gr =~ s/ /-/gr }
        MDS->read($path) =~ /^#+ (.*)$/mg;
    return scalar grep { $_ eq $section } @anchors;
}

# Each line of the error log that the operations page explains is one that
# there is: here, or in a test of nginx's that looks for it.
{
    my ($table) = MDS->read("$MDS::ROOT/docs/operations.md")
        =~ /^## What the error log says\n(.*?)^## /ms;
    my @lines = $table =~ /^\| `(.*?)` \|/mg;
    my $log = provoke();

    my $tests = join '', map { MDS->read($_) } glob "$MDS::ROOT/t/nginx/*.t";
    my $here = 0;

    for my $line (@lines) {
        my ($words) = $line =~ /^((?:\w+ )+\w+)/;
        next if defined $words && $log !~ /\Q$words\E/
            && $tests =~ m{qr/\Q$words\E};
        $here++;
        my $pattern = join '.*', map { quotemeta } split / ?… ?/, $line;
        like($log, qr/\Qmds depot "\E.*$pattern/, "there is: $line");
    }
    cmp_ok($here, '>', 10, 'and nearly all were provoked');
}

# All that can be wrong with a depot, and the log of it.
sub provoke {
    my $t     = MDS->new;
    my $depot = $t->depot_dir;
    my $config = 'mds_depot %DEPOT%; server { listen %LISTEN%;'
        . ' location = /check { mds_check; } }';
    my $asked = sub { $t->get('/check?app=a&kind=upgrade')->status };
    my $until = sub {
        my ($status) = @_;
        ok($t->wait_for(sub { $asked->() == $status }), "... $status");
    };
    my $spoil = sub {
        my ($name, $content) = @_;
        my $good = $t->read("$depot/$name");
        my $copy = $good;
        unlink "$depot/$name";
        $t->write("$depot/$name", $content->($copy));
        $t->reload;
        $until->(503);
        unlink "$depot/$name";
        $t->write("$depot/$name", $good);
        $until->(204);
    };

    $t->start($config);    # before there is a depot
    $until->(503);
    $t->depot;
    $until->(204);

    if ($> == 0) {
        chmod 0700, $depot;
        $t->reload;
        $until->(503);
        chmod 0755, $depot;
        $until->(204);
    }

    $spoil->('CURRENT', sub { 'x' x 16 });
    $spoil->('catalog/0.mdb', sub { substr $_[0], 0, 9000 });
    $spoil->('catalog/0.mdb', sub { substr($_[0], 9000, 1) ^= "\1"; $_[0] });
    $spoil->('catalog/0.mdb', sub { substr($_[0], -88, 1) ^= "\2"; $_[0] });

    my ($worker) = $t->workers;
    kill 'STOP', $worker;
    $t->mdsctl('list', 'add', 'a', 'staff', 'alice');
    my $good = $t->read("$depot/catalog/1.mdb");
    unlink "$depot/catalog/1.mdb";
    $t->write("$depot/catalog/1.mdb", substr $good, 0, 9000);
    kill 'CONT', $worker;
    $until->(204);

    # Written to under the worker: the same byte, and then none.
    chmod 0644, "$depot/catalog/1.mdb";
    $t->write("$depot/catalog/1.mdb", $good);
    $t->reload;
    $until->(204);
    open my $file, '+<', "$depot/catalog/1.mdb" or die "1.mdb: $!";
    syswrite $file, substr $good, 0, 1;
    close $file;
    $until->(503);
    $until->(204);
    my $current = $t->read("$depot/CURRENT");
    truncate "$depot/CURRENT", 0;
    $until->(503);
    open $file, '+<', "$depot/CURRENT" or die "CURRENT: $!";
    syswrite $file, $current;
    close $file;
    $until->(204);

    rename "$depot/state", "$depot/state.away";
    $t->write("$depot/catalog/1.mdb", $good);
    $t->reload;
    $until->(204);

    $t->stop;
    return $t->error_log;
}

done_testing;
