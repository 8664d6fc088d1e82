#!/usr/bin/perl

# What is no regular file, under the name of a file of the depot or of a
# document: no command waits for it, and who needs it says its name.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use POSIX qw(mkfifo);
use Test::More;

use Depot;
use Tree;

# Whoever waits for a FIFO does so for good: it is ended, and that is a failure.
my $PATIENCE = 60;

my ($memory) = grep { -d && -w } '/dev/shm';
my $dir = tempdir(CLEANUP => 1, defined $memory ? (DIR => $memory) : ());
my $d   = Depot->new(dir => $dir);
my @up  = qw(--kind upgrade --version);

$d->put('one', Depot::noise('one', 5000));
$d->put('two', Depot::noise('two', 5000));
$d->put('staff', "alice\n");
$d->must('publish', "$dir/one", '--app', 'a', @up, '1.0');
$d->must('list', 'import', 'a', 'staff', "$dir/staff");
$d->must('release', 'a', 'r', @up, '1.0', '--list', 'staff');
$d->put('depot/state/devices/log-0000000000000001-00000001', '');
copy_tree($d->{depot}, "$dir/whole");

# What waits for a writer of a FIFO, or for the end of a device, has no end.
sub patient { return $d->run_within($PATIENCE, @_) }

my %become = (
    'a FIFO'             => sub { mkfifo $_[0], 0644 or die "mkfifo: $!" },
    'a directory'        => sub { mkdir $_[0] or die "mkdir: $!" },
    'a link to a device' => sub { symlink '/dev/zero', $_[0] or die },
);
my @commands = (
    ['status'], ['verify'], ['log'], ['export', 'a'], ['versions', 'a'],
    ['explain', 'app=a', 'kind=upgrade', 'user=alice'],
    ['list', 'add', 'a', 'staff', 'bob'],
    ['publish', "$dir/two", '--app', 'a', @up, '2.0'],
    ['snapshot', "$dir/snapshot"], ['gc'],
);

# Who has to stumble over what; the others may, or do without.
my %needs = (
    CURRENT            => [qw(status verify export explain list publish
                              snapshot gc)],
    'state/data.mdb'   => [qw(snapshot verify)],
    'state/lock.mdb'   => [qw(snapshot verify)],
    'state/devices/log-*' => [qw(versions verify)],
    'journal/data.mdb' => [qw(status verify log export list publish snapshot gc)],
    'journal/lock.mdb' => [qw(status verify log export list publish snapshot gc)],
    'catalog/*'        => [qw(explain verify)],
    'lists/*.mdb'      => [qw(explain verify)],
    'lists/*.ids'      => [qw(verify)],
    'files/*'          => [qw(verify)],
    'state/PROVED'     => [],
);

# The file that a pattern is of, the newest where there are several.
sub of {
    my ($pattern) = @_;
    my @all = sort { (stat $b)[9] <=> (stat $a)[9] || $b cmp $a }
        grep { !/\.minisig$/ } glob "$d->{depot}/$pattern";
    return $all[0] // die "no $pattern";
}

for my $pattern (sort keys %needs) {
    for my $kind (sort keys %become) {
        for my $command (@commands) {
            copy_tree("$dir/whole", $d->{depot});
            $d->own_state if $pattern !~ /state/;
            my $file = of($pattern);
            my ($name) = $file =~ m{([^/]+)$};
            unlink $file or die "$file: $!";
            $become{$kind}->($file);

            my ($code, $said) = patient(@$command);
            my $title = "$pattern is $kind: $command->[0]";
            my $must  = grep { $_ eq $command->[0] } @{ $needs{$pattern} };

            like $code, $must ? qr/^1$/ : qr/^[01]$/, "$title: ends"
                or diag $said;
            # A snapshot leaves out what is not a file of the registry, and says so.
            my $notes = $command->[0] eq 'snapshot' && $pattern =~ /devices/;

            like $said, qr/\Q$name\E/, "$title: names it"
                if $must && $code eq 1 || $notes;
        }
    }
}

# A journal that is lost is not replaced by an empty one: what is restored from
# it, and what the next change is compared with, would be gone.
my $journal = "$d->{depot}/journal/data.mdb";
my %lose    = (
    missing => sub { unlink $journal or die "$journal: $!" },
    empty   => sub { truncate $journal, 0 or die "$journal: $!" },
);
for my $how (sort keys %lose) {
    copy_tree("$dir/whole", $d->{depot});
    $lose{$how}->();
    for my $command (@commands) {
        next if $command->[0] =~ /^(explain|versions)$/;
        my ($code, $said) = patient(@$command);
        is $code, 1, "journal/data.mdb is $how: $command->[0] fails";
        like $said, qr{journal/data\.mdb}, '... and names it';
    }
    ok !-s $journal, '... and nobody has made another';
}

# Signatures are looked at by who verifies.
copy_tree("$dir/whole", $d->{depot});
my ($signature) = glob "$d->{depot}/files/*.minisig";
unlink $signature;
mkfifo $signature, 0644 or die;
my ($code, $said) = patient('verify');
is $code, 1, 'a signature that is a FIFO: verify ends';
like $said, qr/minisig.*regular file/, '... and says so' or diag $said;

# What a document names.
for my $kind (sort keys %become) {
    unlink "$dir/odd" or rmdir "$dir/odd";
    $become{$kind}->("$dir/odd");
    for my $part (
        qq("packages":[{"kind":"upgrade","version":"9","file":"odd"}]),
        qq("lists":{"odd":{"file":"odd"}}))
    {
        $d->put('document.json', qq({"app":"b",$part}));
        ($code, $said) = patient('apply', "$dir/document.json");
        is $code, 1, "$part, $kind: refused" or diag $said;
        like $said, qr/odd/, '... with its name';
    }
    ($code, $said) = patient('publish', "$dir/odd", '--app', 'a', @up, '9');
    is $code, 1, "publish of $kind: refused";
    ($code, $said) = patient('list', 'import', 'a', 'odd', "$dir/odd");
    is $code, 1, "list import of $kind: refused";
}

done_testing;
