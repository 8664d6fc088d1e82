#!/usr/bin/perl

# Completion: what `mdsctl complete` offers, from the descriptions of commands and
# from the depot, and that the scripts for bash, zsh and fish offer it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Ctl ();
use Depot;

my $scripts = "$FindBin::Bin/../../mdsctl/completion";
my $d   = Depot->new(user => 'root');
my $app = 'com.example.shop';

$d->must('publish', $d->put('one', 'one'), '--app', $app, qw(--kind upgrade
    --platform android --version 3.1.0));
$d->must('publish', $d->put('two', 'two'), '--app', $app, qw(--kind bundle
    --name home --channel store --version 1.4.0));
$d->must('publish', "$d->{dir}/one", qw(--app com.other --kind upgrade --version
    1 --new-app));
$d->must(qw(remove app com.other));
$d->must('list', 'add', $app, @$_) for [qw(staff alice)], [qw(beta bob)];
$d->must('release', $app, 'a-3.1.0', qw(--kind upgrade --version 3.1.0 --all));
$d->must('release', $app, 'home', qw(--kind bundle --name home --version 1.4.0
    --list staff));
$d->must('pause', $app, 'home');
$d->must(qw(message push), $app, '--users', $d->put('users', "dave\n"),
    qw(--to android=3.1.0 --until 2096-12-01T00:00:00Z));

# The first line and the values that are offered for the last word.
sub offered {
    my (@words) = @_;
    my ($code, $out, $err) = $d->run('complete', '--', @words);
    my ($what, @lines) = split /\n/, $out;
    return join ' ', "$code$err", $what // '', map { s/\t.*//r } @lines;
}

sub offers {
    my ($expected, @words) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is offered(@words), "0 $expected", "@words";
}

# Its line of the log has newlines and an escape.
$d->must('release', $app, 'odd', qw(--kind upgrade --version 3.1.0 --all --rule),
    qq({"attribute":"brand",\n"op":"in",\t"values":["x"]}));
$d->must("end", $app, "odd");
$d->must(qw(remove release), $app, "odd");

my $before = $d->tree;

like offered(''), qr/^0 :words init keygen publish .* help version$/, 'commands';
offers(':words publish', 'pub');
offers(':words promote', '--depot', $d->{depot}, 'pro');
offers(':words import add remove show', 'list', '');
offers(':words publish promote pause', 'help', 'p');
offers(':words --platform --percent --priority', 'release', '--p');
offers(':words --json', 'pause', '--j');
offers(':words --depot --key --head-key --json', '--');
offers(':words com.example.shop', 'pause', '');
offers(':words a-3.1.0 home', 'pause', $app, '');
offers(':words home', '--json', 'pause', $app, 'h');
offers(':words', 'pause', $app, 'home', '');
offers(':words', 'pause', 'com.none', '');
offers(':words staff beta', 'list', 'show', $app, '');
offers(':words staff', 'list', 'add', $app, 's');
offers(':words', 'list', 'add', $app, 'staff', '');
offers(':words alice', 'list', 'remove', $app, 'staff', '');
offers(':words bob', 'list', 'remove', $app, 'beta', 'alice', 'b');
offers(':words', 'list', 'remove', $app, 'none', '');
offers(':words home', 'pause', "--depot=$d->{depot}", $app, 'h');
offers(':words beta', 'promote', $app, 'home', '--list', 'b');
offers(':words staff', 'promote', $app, 'home', '--list', 'beta', '--except',
    's');
offers(':words --list=beta', 'promote', $app, 'home', '--list=b');
offers(':words upgrade', 'publish', 'x.apk', '--kind', 'up');
offers(':words com.example.shop', 'publish', 'x.apk', '--app', 'com');
offers(':words 3.1.0 1.4.0', 'release', $app, 'r', '--version', '');
offers(':words 1.4.0', 'release', $app, 'r', '--kind', 'bundle', '--version',
    '');
offers(':words android', 'release', $app, 'r', '--platform', '');
offers(':words store', 'release', $app, 'r', '--channel', '');
offers(':words home', 'release', $app, 'r', '--kind', 'bundle', '--name', '');
offers(':words user device', 'release', $app, 'r', '--by', '');
offers(':words 1', 'message', 'withdraw', $app, '');
offers(':words 5', 'revert', '5');
offers(':words 13 12 11 10 9 8 7 6 5 4 3 2 1', 'revert', '');
offers(':files', 'publish', '');
offers(':files', 'apply', 'sh');
offers(':files', 'check', 'http://x/', '--pub', '');
offers(':folders', 'publish', 'x', '--unpack', '');
offers(':folders', '--depot', '');
offers(':files', 'pause', '--key=o');
offers(':open platform=', 'explain', 'pl');
offers(':words app=com.example.shop', 'explain', 'app=');
offers(':words kind=bundle', 'explain', 'kind=b');
offers('', 'frobnicate', '');
offers(':words a-3.1.0 home', 'pause', '--', $app, '');
like((($d->run('complete', '--', 'pause', $app, 'h'))[1]),
    qr/^home\tbundle 1\.4\.0, paused$/m, 'a release: what it is');

is_deeply [ Depot::diff($before, $d->tree) ], [], 'the depot is as it was';
{
    my $there = $d->{depot};
    local $d->{depot} = "$d->{dir}/none";
    offers(':words', 'pause', '');
    offers(':words home', 'pause', "--depot=$there", $app, 'h');
    ok !-e $d->{depot}, '... and none is made';
}

# --- the shells

sub shell {
    my (@command) = @_;
    local $ENV{MDS_DEPOT} = $d->{depot};
    local $ENV{PATH} = "$Ctl::build:$ENV{PATH}";
    local $ENV{HOME} = $d->{dir};
    open my $pipe, '-|', @command or return '';
    local $/;
    return scalar(<$pipe>) // '';
}

sub has { return system("command -v $_[0] > /dev/null") == 0 }

my @lines = (
    ['pause', $app, 'h'], 'home',
    ['promote', $app, 'home', '--list', ''], 'staff beta',
    ['sna'], 'snapshot',
);

SKIP: {
    my $library = '/usr/share/bash-completion/bash_completion';
    skip 'no bash-completion', 5 if !-e $library;
    my $bash = sub {
        my (@words) = @_;
        my $list = join ' ', map { "'$_'" } 'mdsctl', @words;
        my $line = join(' ', 'mdsctl', @words) =~ s/ = /=/r;
        return join ' ', split /\n/, shell('bash', '-c', <<"END");
. $library
. $scripts/mdsctl.bash
compopt() { :; }
COMP_WORDS=($list) COMP_CWORD=@{[ scalar @words ]}
COMP_LINE='$line' COMP_POINT=\${#COMP_LINE}
_mdsctl
printf '%s\\n' "\${COMPREPLY[@]}"
END
    };
    for (my $i = 0; $i < @lines; $i += 2) {
        is $bash->(@{ $lines[$i] }), $lines[ $i + 1 ], "bash: @{ $lines[$i] }";
    }
    is $bash->('promote', $app, 'home', '--list', '=', 'b'), 'beta',
        'bash: --list=b';
    is $bash->('pause', '--key', '=', "$d->{dir}/on"), "$d->{dir}/one",
        'bash: --key=FILE';
}

SKIP: {
    skip 'no fish', 4 if !has('fish');
    for (my $i = 0; $i < @lines; $i += 2) {
        my $line = join ' ', 'mdsctl', @{ $lines[$i] };
        is join(' ', sort map { s/\t.*//r } split /\n/, shell('fish', '-N', '-c',
            "source $scripts/mdsctl.fish; complete -C '$line'")),
            join(' ', sort split / /, $lines[ $i + 1 ]), "fish: @{ $lines[$i] }";
    }
    is shell('fish', '-N', '-c', "source $scripts/mdsctl.fish;"
        . " complete -C 'mdsctl pause --key=$d->{dir}/on'"),
        "--key=$d->{dir}/one\n", 'fish: --key=FILE';
}

# A terminal of zsh shows the completed line.
SKIP: {
    skip 'no zsh', 3 if !has('zsh');
    $d->put('zsh', <<"END");
zmodload zsh/zpty
zpty z "PS1='> ' TERM=dumb zsh -f -i"
type() { zpty -n -w z \$1; zpty -r z line "*\$2*" && print -r -- "done: \$2" }
zpty -w z "fpath=($scripts \\\$fpath); autoload -U compinit; compinit -u -D"
zpty -w z "print ready-\\\$((1 + 1))"
zpty -r z line '*ready-2*'
type 'mdsctl sna'\$'\\t' 'snapshot'
zpty -n -w z \$'\\C-u'
type 'mdsctl pause $app h'\$'\\t' 'home'
zpty -n -w z \$'\\C-u'
type 'mdsctl pause --key=$d->{dir}/on'\$'\\t' '/one'
zpty -d z
END
    my $said = shell('timeout', '60', 'zsh', '-f', "$d->{dir}/zsh");
    like $said, qr/^done: snapshot$/m, 'zsh: a command';
    like $said, qr/^done: home$/m, 'zsh: a release';
    like $said, qr{^done: /one$}m, 'zsh: --key=FILE';
}

done_testing;
