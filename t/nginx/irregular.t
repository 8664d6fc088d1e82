# A file of the depot that is a FIFO, a directory or a device: no worker waits
# for it, whatever needs it is refused, all else is answered, and what is put
# back is served again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use POSIX qw(mkfifo);
use Test::More;

my $t = MDS->new;
$t->depot;
$t->write('app.bin', 'package');
$t->write('staff.txt', join '', map { "user$_\n" } 1 .. 2000);
$t->mdsctl('apply', $t->document({
    app      => 'a',
    lists    => { staff => { file => 'staff.txt' } },
    packages => [ { kind => 'upgrade', version => '1.0', file => 'app.bin' } ],
    releases => [ { id => 'r', kind => 'upgrade', version => '1.0',
                    audience => { lists => ['staff'] } } ],
}));

my $CONFIG = <<'EOF2';
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /check { mds_check; }
    location /files/ { mds_files; }
    location /cached/ {
        open_file_cache max=10;
        open_file_cache_valid 1s;
        mds_files;
    }
    location / { return 200 fine; }
}
EOF2
$t->start($CONFIG);

my $CHECK = '/check?app=a&kind=upgrade&user=user77';
my $right = $t->get($CHECK);
is($right->status, 200, 'in the beginning all is well');

my ($package) = grep { !/minisig/ } glob $t->depot_dir . '/files/*';
my ($hex)     = $package =~ m{([0-9a-f]{64})$};

my %become = (
    'a FIFO'             => sub { mkfifo $_[0], 0644 or die "mkfifo: $!" },
    'a directory'        => sub { mkdir $_[0], 0755 or die "mkdir: $!" },
    'a link to a device' => sub { symlink '/dev/zero', $_[0] or die },
);

sub away {
    my ($file, $kind) = @_;
    rename $file, "$file.away" or die "$file: $!";
    $become{$kind}->($file);
}

sub back {
    my ($file) = @_;
    unlink $file or rmdir $file or die "$file: $!";
    rename "$file.away", $file or die "$file: $!";
}

# The worker answers at all, and this.
sub becomes {
    my ($target, $status, $title) = @_;
    my $last = 0;
    $t->wait_for(sub { ($last = $t->get($target)->status) == $status });
    is($last, $status, $title);
    is($t->get('/')->body, 'fine', '... and all else is answered');
}

# Under a worker that has the depot open, and before one that opens it.
for my $kind (sort keys %become) {
    my $current = $t->depot_dir . '/CURRENT';

    away($current, $kind);
    becomes($CHECK, 503, "CURRENT becomes $kind: 503");
    $t->reload;
    becomes($CHECK, 503, "CURRENT is $kind from the beginning: 503");
    back($current);
    becomes($CHECK, 200, '... put back: served again');

    for my $pattern (qw(catalog/1.mdb lists/*.mdb)) {
        my ($file) = glob $t->depot_dir . "/$pattern";
        away($file, $kind);
        $t->reload;
        becomes($CHECK, 503, "$pattern is $kind from the beginning: 503");
        back($file);
        becomes($CHECK, 200, '... put back: served again');
    }

    # What is decided without them goes on.
    for my $name (qw(state/data.mdb state/lock.mdb state/PROVED)) {
        my $file = $t->depot_dir . "/$name";
        away($file, $kind);
        $t->reload;
        becomes($CHECK, 200, "$name is $kind from the beginning: served");
        back($file);
    }

    away($package, $kind);
    becomes("/files/$hex", 404, "a package that is $kind: 404");
    becomes("/cached/$hex", 404, '... and out of the cache');
    back($package);
    becomes("/files/$hex", 200, '... put back: served');
    becomes("/cached/$hex", 200, '... both ways');
}

$t->finish;
