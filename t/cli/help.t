#!/usr/bin/perl

# The help: every command has a usage line, sentences, options with one line each,
# and two examples, which run here; the first steps lead to a release that nginx
# serves; a wrong word is answered with the right one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib", "$FindBin::Bin/../nginx/lib";
use File::Temp qw(tempdir);
use Test::More;

use Ctl;
use Depot;
use MDS;
use Pack;
use Postgres;

# Names of the commands, and of those of families, as completion has them.
sub names {
    my (@before) = @_;
    my ($code, $out) = ctl('complete', '--', @before, '');
    return $out =~ /^(\w+)\t/mg;
}

my @top      = names();
my %families = map { $_ => [ names($_) ] }
    grep { (ctl('help', $_))[1] =~ /^Commands$/m } @top;
my @commands = map { $families{$_} ? () : [$_] } @top;
push @commands, map { my $f = $_; map { [ $f, $_ ] } @{ $families{$f} } }
    sort keys %families;
cmp_ok scalar @commands, '>=', 30, 'there are commands';

sub narrow {
    my ($name, $text) = @_;
    is join("\n", grep { length > 80 } split /\n/, $text), '',
        "$name: 80 columns";
}

# --- the overview

my ($code, $out, $err) = ctl();
is "$code:$err", '0:', 'mdsctl alone: the overview';
narrow('overview', $out);
is_deeply [ $out =~ /^([A-Z][a-z]+(?: [a-z]+)*)$/mg ], [qw(Start Publish
    Release See), 'Keep safe', 'More', 'Options of every change',
    'Options of every command'],
    '... in groups';
is_deeply [ sort $out =~ /^  ([a-z]+)  /mg ], [ sort @top ],
    '... each command once';
unlike $out, qr/complete/, '... but not the hidden ones';
is((ctl(@$_))[1], $out, "mdsctl @$_: the same") for ['help'], ['--help'],
    ['-h'], ['--json', 'help'];
is((ctl('pause', 'a', '-h'))[1], (ctl('help', 'pause'))[1], '-h of a command');

# --- one command

for my $command (@commands) {
    my $name = "@$command";
    my ($code, $out, $err) = ctl('help', @$command);

    is "$code:$err", '0:', "help $name";
    narrow($name, $out);
    like $out, qr/\Ausage: mdsctl $name\b/, "$name: its usage";

    my ($usage, $text) = split /\n\n/, $out;
    like $text, qr/\A[A-Z].*\.\z/s, "$name: a sentence";
    my ($options) = $out =~ /^Options\n(.*?)\n\n/ms;
    my @rows = split /\n/, $options // '';
    my @named = map { /^  (--[a-z-]+(?: [^ ]+| "NAME: VALUE")?)  / ? $1 : "? $_" }
        @rows;
    is_deeply [ sort map { s/(?:\.\.\.)?[\])]?(?:\.\.\.)?\z//r }
            $usage =~ /(--[a-z-]+(?: "NAME: VALUE"| [^\s|]\S+| [A-Z]\b\S*)?)/g ],
        [ sort @named ], "$name: each option has its line";
    is scalar(grep { !/^  --.{2,}?  \S/ } @rows), 0, "$name: ... with words";

    is((ctl(@$command, '--help'))[1], $out, "$name --help: the same");
}

for my $family (sort keys %families) {
    my ($code, $out) = ctl('help', $family);
    narrow($family, $out);
    is_deeply [ $out =~ /^  ([a-z]+)  /mg ], $families{$family},
        "help $family: its commands";
    is((ctl($family, $_))[1], $out, "$family $_: the same")
        for '-h', '--help', 'help';
}

# --- the version

for my $words (['version'], ['--version'], ['status', '--version'],
    ['--json', '--version', 'status'], ['list', 'add', '--version'])
{
    my ($code, $out) = ctl(@$words);
    like "$code:$out", qr/^0:(?:mdsctl \d|\{\s+"version": "\d)/, "@$words";
}
like((ctl('publish', '--version'))[2], qr/--version needs a value/,
    'publish has a --version of its own');

# --- other words

my %meant = (undo => 'revert', delete => 'remove', backup => 'snapshot',
    history => 'log', ls => 'status', stop => 'pause', upload => 'publish',
    relaese => 'release', stauts => 'status');
for my $word (sort keys %meant) {
    my ($code, undef, $err) = ctl($word);
    like "$code:$err", qr/^2:mdsctl: unknown command "$word"; did you mean $meant{$word}\?$/m,
        "$word: did you mean $meant{$word}?";
}
like((ctl('--depth', 'x'))[2], qr/did you mean --depot\?/, 'an option');
is((ctl('release', '-x'))[0], 2, '-x is no -h');
is((ctl('list', 'show', 'a', '--', '-h'))[0], 1, '-h after --: an argument');

# --- man pages

SKIP: {
    skip 'no groff', 1 if system('command -v groff > /dev/null') != 0;
    my $all = tempdir(CLEANUP => 1) . '/all.1';
    open my $file, '>', $all or die;
    print $file map { (ctl('man', $_))[1] } grep { length } @top;
    print $file +(ctl('man'))[1];
    close $file;
    my $said = `groff -man -Tutf8 -ww -z -rLL=78n $all 2>&1`;
    is $said, '', 'man pages: groff has nothing to complain of';
}
like((ctl('man', 'list'))[1], qr/^\.SH NAME\nmdsctl\\-list \\- .*^\.SH "MDSCTL LIST ADD"/ms,
    'man list: its commands');

# --- the examples: each command's run on a copy of one depot

my $t   = MDS->new;
my $dir = $t->dir;
my $now = "$dir/depot";
my $d   = Depot->new(dir => $dir);
my $app = 'com.example.shop';

sub release {
    my ($id, $kind, $version, @more) = @_;
    $d->must('release', $app, $id, '--kind', $kind, '--version', $version,
        "@more" =~ /--list/ ? @more : (@more, '--all'));
}

my $common = Depot::noise('common', 30_000);
$d->put("shop-$_.apk", "$common$_")
    for qw(1.0.0 2.9.0 3.1.0 3.2.0 3.3.0);
$d->put('home.zip', Pack::zip([ 'index.html', '<p>' x 1000 ]));
$d->put('beta-users.txt', "dave\nerin\nfrank\ngrace\n");
$d->put('lab-devices.txt', "d1\nd2\n");
$d->must('publish', "$dir/shop-$_.apk", '--app', $app, qw(--kind upgrade
    --platform android --version), $_) for qw(2.9.0 3.1.0 3.2.0);
$d->must('publish', "$dir/shop-3.2.0.apk", '--app', $app, qw(--kind upgrade
    --platform ios --version 3.2.0));
$d->must('publish', $d->put("home-$_", "home $_"), '--app', $app,
    qw(--kind bundle --name home --version), $_) for qw(1.3.0 1.4.0);
$d->must('publish', $d->put('home-ios', 'ios'), '--app', $app,
    qw(--kind bundle --name home --version 1.2.0 --platform ios));
$d->must('publish', $d->put("fix-$_", "fix $_"), '--app', $app,
    qw(--kind hotfix --version), $_) for 1, 2;
$d->must('list', 'add', $app, @$_) for ['staff', 'alice', 'bob'],
    ['beta', qw(erin dave frank grace)], ['lab', 'd0', '--by', 'device'];
release('a-3.1.0', 'upgrade', '3.1.0');
release('a-3.2.0', 'upgrade', '3.2.0', '--list', 'staff');
release('home-1.3.0', 'bundle', '1.3.0', '--name', 'home');
release('fix-2', 'hotfix', '2');
for my $id ('a-3.0', 'fix-1', 'r-paused', 's-paused') {
    release($id, 'hotfix', '1');
    $d->must($id =~ /paused/ ? 'pause' : 'end', $app, $id);
}
$d->must('list', 'add', "com.example.$_", qw(x y --new-app)) for qw(old older pro);
$d->must('message', 'push', $app, '--users', "$dir/beta-users.txt", '--to',
    'android=3.2.0', '--until', '2096-12-01T00:00:00Z') for 1, 2;
cmp_ok $d->serial, '<', 40, 'serials 40 and 41 are free';
$d->must('list', 'add', $app, 'pad', "u$_") for $d->serial .. 38;
$d->must('list', 'add', $app, 'forty', 'zoe');
$d->must('list', 'add', $app, 'forty-one', 'zoe');
$d->put('shop.json', $d->export($app) =~ s/\{/{ "poll": { "after_s": 900 },/r);
$d->put('access.log', join '', map {
    qq{192.0.2.1 - - [27/Nov/2026:12:00:00 +0000] "GET /mds/v1/check?app=$app}
    . qq{&kind=upgrade&platform=android&device=d$_ HTTP/1.1" 200 9 "-" "-"\n}
} 1 .. 3);
$d->must('keygen', "$dir/ops-2027");
$d->must('keygen', "$dir/ops-2028");
$d->must('keygen', "$dir/$_") for qw(anna ben head);
$d->must(qw(trust init), "$dir/root.json", (map { ('--root-key', "$dir/$_.pub") }
    qw(anna ben)), qw(--threshold 2 --sign-key), "$dir/ops.pub", '--head-key',
    "$dir/head.pub");
$d->must(qw(trust sign), "$dir/root.json", '--key', "$dir/$_.key")
    for qw(anna ben);
$d->must('snapshot', "$dir/mds.tar.zst");
rename $now, "$dir/base" or die;

my $http = <<'END';
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /mds/v1/check    { mds_check; }
    location   /mds/v1/files/   { mds_files; }
    location   /mds/v1/feed/    { mds_feed; }
}
END
system('cp', '-a', "$dir/base", $now) == 0 or die;
$t->start($http);

# The server that the examples of databases use, once there is one.
my $pg;
sub database { return $pg //= Postgres->new // die 'PostgreSQL is not installed (make deps-test)' }

like join(' ', split ' ', (ctl(qw(help check)))[1]), qr/exit code is 0 .*, 3 if what came could not be verified/,
    'help check names its exit codes';

# Runs the lines in a shell; hands back its exit code and what it said.
sub shell {
    my ($folder, $lines) = @_;
    local $ENV{PATH}      = "$Ctl::build:$ENV{PATH}";
    local $ENV{MDS_DEPOT} = "$folder/depot";
    local $ENV{MDS_KEY}   = 'ops.key';
    $lines =~ s{/srv\b}{$folder/srv}g;
    $lines =~ s{/var/lib/mds\b}{$folder/depot}g;
    $lines =~ s{postgresql://[^"\s]+}{"'" . database()->uri . "'"}ge;
    $lines =~ s{127\.0\.0\.1:8080}{127.0.0.1:$t->{port}}g;
    open my $file, '>', "$dir/script" or die;
    print $file "set -e\ncd '$folder'\n$lines";
    close $file;
    my $said = `sh '$dir/script' 2>&1`;
    return ($? >> 8, $said);
}

for my $command (@commands) {
    my $folder = "$dir/work";
    my ($examples) = (ctl('help', @$command))[1] =~ /^Examples\n(.*)\z/ms;
    my @examples = ($examples // '') =~ /^  (mdsctl (?:.*\\\n)*.*\n|[A-Z_]+=\S+ mdsctl .*\n)/mg;
    my $new = "@$command" =~ /^(?:init|keygen)$/;

    system("rm -rf '$folder' && mkdir -p '$folder/srv/h5' && cp '$dir'/*.* '$folder'")
        == 0 or die;
    system('cp', '-a', "$dir/base", "$folder/depot") == 0 or die if !$new;
    unlink glob "$folder/ops*" if $command->[0] eq 'keygen';
    unlink "$folder/root.json" if "@$command" eq 'trust init';
    unlink "$folder/mds.tar.zst" if $command->[0] eq 'snapshot';

    cmp_ok scalar @examples, '>=', 2, "@$command: two examples";
    for my $example (@examples) {
        my ($code, $said) = shell($folder, $example =~ s/^  //mgr);
        is $code, 0, $example =~ s/\n\z//r or diag $said;
        unlike $said, qr/^mdsctl: (?!note: )/m, '... and nothing is warned of'
            or diag $said;
    }
}
$t->stop;

# --- the first steps: from nothing to a release that nginx serves

my ($steps) = (ctl('help', 'start'))[1];
narrow('help start', $steps);
my @blocks = map { s/^    //mgr } $steps =~ /((?:^    .*\n|^\n(?=    ))+)/mg;
is scalar @blocks, 3, 'help start: commands, a configuration, a check';
system("rm -rf '$dir/work' '$now' && mkdir '$dir/work'") == 0 or die;
system('cp', "$dir/shop-1.0.0.apk", "$dir/work") == 0 or die;
($code, $out) = shell("$dir/work", $blocks[0]);
is $code, 0, '... the commands run' or diag $out;
$t->start($blocks[1] =~ s{/var/lib/mds}{$dir/work/depot}r
    =~ s/listen 8080/listen %LISTEN%/r);
($code, $out) = shell("$dir/work", $blocks[2]);
like "$code:$out", qr/^0:.*^stored +shop\.apk$/ms, '... a device gets it';
is Ctl::read_file("$dir/work/shop.apk"), Ctl::read_file("$dir/shop-1.0.0.apk"),
    '... whole';

$t->finish;
