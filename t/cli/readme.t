# Runs the `sh` blocks of README and docs, page by page, on a simulated Debian
# machine with nginx and two builds of an app; then checks that each message of the
# error log that the documentation explains exists.

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

# The environment of the person who runs the tests must not affect them.
delete @ENV{qw(MDS_DEPOT MDS_KEY MAKEFLAGS MFLAGS NGINX)};

sub program {
    my ($t, $name, $text) = @_;
    chmod 0755, $t->write("bin/$name", "#!/bin/sh -e\n$text\n");
}

# Creates the machine. Absolute folders of the pages are mapped into its directory.
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
    # Waits until the old workers have exited: a person types more slowly.
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
    my $units = "$dir/root/usr/local/lib/systemd/system";
    program($t, 'systemctl', <<"END");
case "\$*" in
'reload nginx') nginx -t 2> /dev/null || nginx -t; nginx -s reload ;;
'daemon-reload') ;;
'enable --now '*.timer) [ -s $units/"\$3" ] ;;
'start '*.service)
    { sed -n 's/^Environment=/export /p' $units/"\$2"
      printf 'export MDS_DEPOT=%s MDS_SNAPSHOTS=%s\n' $dir/mds $dir/backups
      sed -n 's/%%/%/g;s/\\\$\\\$/\$/g;s/^Exec[SC][a-z]*=//p' $units/"\$2" \\
        | sed 's|/usr/local/bin|$dir/root&|'; } > $dir/started
    [ -s $dir/started ]
    sh -e $dir/started ;;
*) exit 1 ;;
esac
END

    # Two builds with much common content, as real builds have.
    my @part = map { join '', map { chr int rand 256 } 1 .. 50_000 } 1 .. 3;
    $t->write('work/shop-3.1.0.apk', "$part[0]$part[1]");
    $t->write('work/shop-3.2.0.apk', "$part[0]$part[2]");

    return $t;
}

# Returns the blocks of pages as one script that prints its position.
sub script {
    my ($t, @pages) = @_;
    my $dir    = $t->{dir};
    my $script = "set -euo pipefail\n";

    for my $page (@pages) {
        my $text = $t->read("$MDS::ROOT/$page");
        while ($text =~ /^```sh\n(.*?)^```/msg) {
            my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
            $script .= "echo '# $page:$line' >&2\n$1";
        }
    }

    $script =~ s{(?<![\w.])(/etc/(?:nginx|systemd)|/srv|/backup)\b}{$dir$1}g;
    $script =~ s{(?<![\w.])(/usr/local/bin|$MODULES)\b}{$dir/root$1}g;
    $script =~ s{/var/log/nginx}{$dir/log}g;
    $script =~ s{/var/lib/mds}{$dir/mds}g;
    $script =~ s{\b808[01]\b}{$t->{port}}g;
    $script =~ s{\b443\b}{$t->{other_port}}g;

    return $script;
}

# Runs one page, or several of them on one machine, with nginx running before or not;
# returns the machine and the output.
sub follow {
    my ($pages, %is) = @_;
    my @pages = ref $pages ? @$pages : $pages;
    my $t   = machine();
    my $dir = $t->{dir};

    $t->run({}, "$dir/bin/nginx") if $is{running} // 1;

    $t->write('page.sh', script($t, @pages));
    my ($status, $out, $err) = $t->run({
        PATH => "$dir/bin:$dir/root/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        MDS_DEPOT => "$dir/mds", %{ $is{env} // {} },
    }, 'bash', '-c', "cd $dir/work && exec bash $dir/page.sh");
    is($status, 0, "@pages can be followed") or diag($out, $err);
    # Expected: reloading an nginx that does not run, and 429.
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

# Runs README after a demo: the shell still has the demo's variables, and the demo
# uses port 8080.
my ($t, $out);
for my $is ({}, { running => 0, env => { MDS_DEPOT => '/nonexistent/demo/depot',
    MDS_KEY => '/nonexistent/demo/demo.key' } })
{
    ($t, $out) = follow('README.md', %$is);
    like($out, qr/^download +delta/m, '... a device gets the difference');
    like($out, qr/^HTTP.* 200 .*"version":"3\.2\.0"/ms, '... curl is told of it');
    end($t);
}
unlike(MDS->read("$MDS::ROOT/README.md"), qr/:8080\b/, "not the demo's port");

($t, $out) = follow('docs/design.md');
like($out, qr/Verified Successfully/, '... openssl takes the signature');
end($t);

SKIP: {
    skip 'no rsync', 3 if system('command -v rsync > /dev/null') != 0;
    ($t, $out) = follow([ map { "docs/$_.md" } qw(install run secure recover monitor) ]);
    is(scalar(() = $out =~ /^serial \d+: install 3\.2\.0/mg), 2,
        '... the other edge decides as this one does');
    end($t);
}

# Each message of the error log that the monitor page explains exists: it is
# provoked here, or a test of nginx looks for it, or the sources have it.
{
    my ($table) = MDS->read("$MDS::ROOT/docs/monitor.md")
        =~ /^## Error log messages\n(.*?)^## /ms;
    my @lines = map { split /`, `/ } $table =~ /^\| `(.*?)` \|/mg;
    my $log = provoke();

    my $tests = join '', map { MDS->read($_) } glob "$MDS::ROOT/t/nginx/*.t";
    my $source = join '', map { MDS->read($_) =~ s/"\s*\n\s*"//gr }
        glob "$MDS::ROOT/ngx_mds_module/*.c";
    my $library = join '', map { MDS->read($_) =~ s/"\s*\n\s*"//gr =~ s/\\"/"/gr }
        glob "$MDS::ROOT/{ngx_mds_module,lib/*}/*.c";
    my $here = 0;

    for my $line (@lines) {
        my ($words) = $line =~ /^((?:\w+ )+\w+)/;
        next if defined $words && $log !~ /\Q$words\E/
            && ($tests =~ m{qr/\Q$words\E}
                || $source =~ m{"mds depot \\"%V\\": \Q$words\E});
        my @pieces = grep { length } map { s/^["\s]+|\s+$//gr } split /…/, $line;
        my ($longest) = sort { length $b <=> length $a } @pieces;
        next if $log !~ /\Q$longest\E/
            && !grep { index($library, $_) < 0 } @pieces;
        $here++;
        my $pattern = join '.*', map { quotemeta } split / ?… ?/, $line;
        like($log, qr/\Qmds depot "\E.*$pattern/, "the log has: $line");
    }
    cmp_ok($here, '>', 10, 'and nearly all were provoked');
}

# Damages a depot in each way and returns the error log.
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

    # Writes to files under a running worker: the same byte, then an empty CURRENT.
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
