#!/usr/bin/perl

# A group may read the depot: its members see what root sees, change nothing, and
# make no file there.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use File::Temp qw(tempdir);
use POSIX ();
use Test::More;

use Ctl ();
use Depot;

plan skip_all => 'only root gives a depot to a group' if $> != 0;

my $dir = tempdir(CLEANUP => 1);
chmod 0755, $dir;
my $d = Depot->new(dir => $dir);

sub mode  { sprintf '%o', (stat "$d->{depot}/$_[0]")[2] & 07777 }
sub group { scalar getgrgid((stat "$d->{depot}/$_[0]")[5]) }
sub reads { Ctl::ctl_as('nobody', '--depot', $d->{depot}, @_) }

$d->must('publish', $d->put("shop-$_", "shop $_"), qw(--app shop --new-app
    --kind upgrade --platform android --version), $_) for 1, 2;
$d->must(qw(release shop r1 --kind upgrade --platform android --version 1 --all));
$d->must(qw(release shop w2 --kind upgrade --platform android --version 2
    --window 10 --until 2100-01-01T00:00:00Z));

my @asked = (['status'], ['status', 'shop'], ['versions', 'shop'],
    ['devices', 'shop', 'u'], ['log'], ['log', '-n', '1', 'shop'],
    ['export', 'shop'], ['--json', 'status'],
    [qw(explain app=shop kind=upgrade platform=android version=0)]);

# Without a group, the journal and the state are nobody's business.
for my $asked (['status'], ['log'], ['versions', 'shop']) {
    my ($code, $said) = reads(@$asked);
    is $code, 1, "@$asked: not for everybody";
    like $said, qr/Permission denied.*root/s, '... and the words say for whom';
}

$d->refuses('is a depot already', 'init');
like $d->does(qw(init --readers adm)), qr/^group adm can read the depot/,
    'a depot that exists gets readers';
is $d->asks(qw(init --readers adm))->{serial}, 4, '... again, and for machines';
like $d->does(qw(init --readers adm --dry-run)), qr/^group adm could read/,
    '... or only says so';
for (['journal', '2750'], ['journal/data.mdb', '640'], ['state', '2750'],
    ['state/data.mdb', '640'], ['state/lock.mdb', '660'],
    ['state/devices', '2750'])
{
    is mode($_->[0]) . group($_->[0]), "$_->[1]adm", "mode and group of $_->[0]";
}
is mode('journal/lock.mdb') & 2, 0,
    'the table of readers that root maps is for root alone';
is((stat "$d->{depot}/state")[4], scalar getpwnam('www-data') // 65534,
    'the state is the workers\' still');

$Ctl::group = 'adm';
for my $asked (@asked) {
    my ($wanted, $out) = $d->run(@$asked);
    my $before = $d->tree;
    my ($code, $said) = reads(@$asked);
    is "$code:$said", "$wanted:$out", "@$asked: as root sees it";
    $d->untouched($before, "@$asked");
}
for my $change ([qw(pause shop r1)], [qw(remove release shop r1)],
    [qw(list add shop l a)], ['gc'], [qw(init --readers adm)])
{
    my $before = $d->tree;
    my ($code, $said) = reads(@$change);
    isnt $code, 0, "@$change: refused";
    like $said, qr/Permission denied|not permitted/, '... as it must be';
    $d->untouched($before, "@$change");
}
is_deeply [glob '/tmp/mds-journal-*'], [], 'no copy stays';

# What root makes later can be read, too.
$d->must('publish', $d->put('shop-3', 'shop 3'), qw(--app shop --kind upgrade
    --platform android --version 3));
like +(reads('versions', 'shop'))[1], qr/upgrade android 3/, 'the next change';

# A reader whom no writer sees reads one commit, whatever is written meanwhile.
my $writer = fork // die "fork: $!";
if ($writer == 0) {
    open STDOUT, '>', '/dev/null';
    until (-e "$d->{dir}/stop") {
        $d->run(qw(pause shop r1));
        $d->run(qw(resume shop r1));
    }
    POSIX::_exit(0);
}
my @odd;
for (1 .. 12) {
    my ($code, $said) = reads('--json', 'status');
    my $facts = eval { decode_json($said) } // {};
    push @odd, "$code: $said"
        if $code != 0 || @{ $facts->{apps}[0]{releases} // [] } != 2;
}
$d->put('stop', '');
waitpid $writer, 0;    # and with it the command that it runs
is_deeply \@odd, [], 'while another writes, each answer is whole';

# A journal that is ahead of CURRENT is the next loader's to finish.
$d->must(qw(pause shop r1)) if $d->asks('status')->{apps}[0]{releases}[0]{state}
    eq 'running';
my $serial = $d->asks('status')->{serial};
open my $current, '+<:raw', "$d->{depot}/CURRENT" or die;
seek $current, 8, 0;
print $current pack 'Q', $serial - 1;
close $current;
like +(reads('log', '-n', '1'))[1], qr/^$serial /, 'a change that was not finished';
is +(reads('--json', 'status'))[0], 0, '... is no failure for readers';

# A snapshot that takes the depot's place keeps the readers.
$d->must('snapshot', "$dir/snap.tar.zst");
$d->must('restore', "$dir/snap.tar.zst", '--force');
my ($code, $said) = reads('status');
is $code, 0, 'restore keeps the readers' or diag $said;
is mode('journal') . group('journal'), '2750adm', '... and the modes';

$Ctl::group = undef;
is +(reads('status'))[0], 1, 'others read nothing still';

# The depot may belong to its agent, who can put links there: root follows none.
for my $folder (qw(journal state)) {
    my $theirs = "$dir/their-$folder";
    mkdir $_, 0700 or die "$_: $!" for $theirs, "$theirs/devices";
    open my $file, '>', "$theirs/data.mdb" or die "data.mdb: $!";
    chmod 0600, $file;
    my $modes = sub { join ' ', map { (stat "$theirs$_")[2, 5] } '', '/data.mdb', '/devices' };
    my $was = $modes->();
    rename "$d->{depot}/$folder", "$dir/kept" or die "rename: $!";
    symlink $theirs, "$d->{depot}/$folder" or die "symlink: $!";
    my ($code) = $d->run(qw(init --readers adm));
    is $code, 1, "a link in place of $folder: refused";
    is $modes->(), $was, '... and what it leads to stays as it is';
    unlink "$d->{depot}/$folder";
    rename "$dir/kept", "$d->{depot}/$folder" or die "rename: $!";
}

done_testing;
