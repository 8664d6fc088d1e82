#!/usr/bin/perl

# A depot that is restored under a running nginx: every answer is of the old
# one or of the new one, and soon of the new one, without a reload; a download
# under way is had to its end, and gc takes nothing from under it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use MDS;

my $t = MDS->new(workers => 2);
$t->depot;

my @publish = qw(--app a --kind upgrade --version);
for my $v (1 .. 2) {
    $t->write("v$v", join '', map { chr(65 + ($_ * $v) % 50) } 1 .. 3_000_000);
}
$t->mdsctl('publish', "$t->{dir}/v1", @publish, 1);
$t->mdsctl(qw(release a r1 --kind upgrade --version 1 --all));
$t->mdsctl('snapshot', "$t->{dir}/snapshot");
$t->mdsctl('publish', "$t->{dir}/v2", @publish, 2);
$t->mdsctl(qw(release a r2 --kind upgrade --version 2 --all));
$t->start(<<'END');
mds_depot %DEPOT%;
server {
    listen %LISTEN%;
    location = /check { mds_check; }
    location /files/  { mds_files; }
}
END

sub version { $t->get('/check?app=a&kind=upgrade')->json->{version} // 'none' }

is version(), '2', 'before';
my $file = $t->get('/check?app=a&kind=upgrade')->json->{full};

# A client that takes its time.
my $slow = $t->connect;
syswrite $slow, "GET /$file->{path} HTTP/1.0\r\n\r\n";
sysread $slow, my $got, 10_000;

# Others that ask all the time: a byte in "asked" for each answer, a line in "seen" for
# each that is new.
my $pid = fork // die "fork: $!";
if ($pid == 0) {
    my %seen;
    open my $asked, '>', "$t->{dir}/asked" or POSIX::_exit(1);
    open my $seen, '>', "$t->{dir}/seen" or POSIX::_exit(1);
    while (!-e "$t->{dir}/stop") {
        my $r = $t->get('/check?app=a&kind=upgrade');
        my $said = $r->status eq '200'
            ? join '/', $r->json->{version}, $r->header('MDS-Serial')
            : 'status ' . $r->status;
        syswrite $seen, "$said\n" if !$seen{$said}++;
        syswrite $asked, '.';
        select undef, undef, undef, 0.01;
    }
    POSIX::_exit(0);
}

sub seen { join ' ', sort split /\n/, $t->read('seen') }

# The asker has had so many more answers.
sub goes_on {
    my $from = -s "$t->{dir}/asked";
    return $t->wait_for(sub { -s "$t->{dir}/asked" >= $from + 50 });
}

for my $round (1 .. 3) {
    $t->mdsctl('restore', '--force', "$t->{dir}/snapshot");
    ok $t->wait_for(sub { version() eq '1' }), "restored: seen ($round)";
    ok $t->wait_for(sub { !grep { version() ne '1' } 1 .. 8 }), 'by all workers';
    $t->mdsctl('publish', "$t->{dir}/v2", @publish, 2);
    ok goes_on(), 'others ask meanwhile';
    $t->mdsctl(qw(release a r2 --kind upgrade --version 2 --all));
    is version(), '2', 'a change of the restored one is seen at once';
    ok goes_on(), '... and others ask';
}
$t->mdsctl('restore', '--force', "$t->{dir}/snapshot");
ok $t->wait_for(sub { !grep { version() ne '1' } 1 .. 8 }), 'restored once more';
ok goes_on(), '... and others ask';

$t->write('stop', '');
waitpid $pid, 0;
is seen(), '1/2 1/3 2/4', 'each answer is of one depot, whole';

is $t->get("/$file->{path}")->status, 200, 'a file of the old one can be had';
$t->mdsctl('gc');
is $t->get("/$file->{path}")->status, 200, 'after gc as well: it is young';
while (sysread $slow, $got, 1_000_000, length $got) { }
$got =~ s/.*?\r\n\r\n//s;
is length $got, $file->{size}, 'a slow download is had to its end';

$t->finish;
