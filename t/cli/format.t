#!/usr/bin/perl

# A depot whose generations an older program made: whatever looks into one says
# so, and the next change, even one that changes nothing, makes it anew from
# the journal, under its serial, with the very answers of before.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Copy qw(copy);
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;

my $true = JSON::PP::true;
my $d    = Depot->new;

$d->put("v$_", Depot::noise($_, 3000)) for 1 .. 2;
$d->put('ids',   join '', map { "user-$_\n" } 1 .. 300);
$d->put('users', "alice\nbob\n");

# --- three apps, of all that a generation holds

$d->must('publish', "$d->{dir}/v$_", qw(--app a --kind upgrade --platform ios
    --version), $_) for 1 .. 2;
$d->must(qw(list import a staff), "$d->{dir}/ids");
$d->must(qw(list add a staff carol));
$d->must(qw(release a one --kind upgrade --version 1 --all));
$d->must(qw(message push a --users), "$d->{dir}/users",
    qw(--to ios=2 --until 2040-01-01T00:00:00Z));
$d->put_json('b.json', { app => 'b', lists => { l => { ids => ['x'] } },
    releases => [ map { { id => "r$_", kind => 'config', name => 'k' . $_ % 2,
        value => $_, audience => $_ < 3 ? { all => $true } : { percent => 40 },
        rules => [ { attribute => 'brand', op => 'in', values => ["m*"] } ],
    } } 1 .. 4 ] });
$d->must('apply', "$d->{dir}/b.json");
$d->put_json('c.json', { app => 'c', poll => { after_s => 60 } });
$d->must('apply', "$d->{dir}/c.json");

my @questions = (
    [qw(app=a kind=upgrade platform=ios version=0.5)],
    [qw(app=a kind=upgrade platform=ios version=1 user=alice)],
    [qw(app=a kind=upgrade platform=ios version=1 user=carol)],
    map { [ qw(app=b kind=config brand=mi), "device=$_" ] } 1 .. 9,
);

sub answers { return [ map { $d->asks('explain', @$_) } @questions ] }

my $before = answers();
my $serial = $d->serial;
my @exports = map { $d->export($_) } qw(a b c);

# --- older: the format in "meta", and a seal that fits

sub age {
    for my $file (glob "$d->{depot}/catalog/*.mdb") {
        chmod 0644, $file or die $!;
        open my $fh, '+<:raw', $file or die $!;
        my $bytes = do { local $/; <$fh> };
        $bytes =~ s/mdsC\K..../pack 'V', 1/se or die 'no meta';
        substr $bytes, -32, 32, '';
        open my $sum, '|-', "b2sum -l 256 > $d->{dir}/sum" or die $!;
        print $sum $bytes;
        close $sum or die;
        my ($hex) = Ctl::read_file("$d->{dir}/sum") =~ /^([0-9a-f]{64})/;
        seek $fh, 0, 0;
        print $fh $bytes, pack 'H*', $hex;
        close $fh or die $!;
        chmod 0444, $file or die $!;
    }
}

# Nothing to do but that, by a command that has no key.
for my $case (
    [ 'the same document', sub { $d->must('apply', "$d->{dir}/b.json") } ],
    [ 'no key', sub { local $d->{key}; $d->must('apply', "$d->{dir}/c.json") } ],
) {
    my ($name, $change) = @$case;

    age();
    $d->refuses(qr/of another format: the next change by mdsctl/,
        'explain', @{ $questions[0] });
    $change->();
    is_deeply answers(), $before, "$name: the answers of before";
    is $d->serial, $serial, "$name: and the serial";
}

is_deeply [ map { $d->export($_) } qw(a b c) ], \@exports, 'what was exported';

# --- a change goes on from there

age();
$d->does(qw(end b r2));
is $d->serial, $serial + 1, 'a change, and its serial';
is_deeply $d->asks('explain', @{ $questions[0] })->{manifest},
    $before->[0]{manifest}, 'the manifest is the one signed then';
is_deeply $d->asks('verify')->{problems}, [], 'and the depot is good';

# --- a depot as it was written, with records of another layout

my $four = Depot->new(dir => $d->{dir}, depot => "$d->{dir}/init");
system("zstd -dqc $FindBin::Bin/older/format4.tar.zst | tar -xC $d->{dir}"
    . ' --one-top-level=four --no-same-owner') == 0 or die 'format4.tar.zst';
$four->{depot} = "$d->{dir}/four/depot";
$four->{key} = "$d->{dir}/one.key";
copy("$FindBin::Bin/older/one.$_", "$d->{dir}/one.$_") or die for qw(key pub);
my $said = JSON::PP->new->utf8->decode(
    Ctl::read_file("$FindBin::Bin/older/format4.json"));

sub same_answers {
    my ($name) = @_;
    for my $was (@$said) {
        my $is = $four->asks('explain', @{ $was->{ask} });
        is_deeply { map { ($_ => $is->{$_}) } grep { $_ ne 'ask' } keys %$was },
            { map { ($_ => $was->{$_}) } grep { $_ ne 'ask' } keys %$was },
            "$name: @{ $was->{ask} }";
    }
}

$four->refuses(qr/of another format: the next change by mdsctl/,
    'explain', @{ $said->[0]{ask} });
{
    local $four->{key};   # the rollback keeps the manifest without meta
    $four->must(qw(promote com.example.plain b1 --all --except qa));
}
same_answers('format 4, made anew');
is_deeply $four->asks('verify')->{problems}, [], 'format 4: the depot is good';
$four->must(qw(release com.example.plain more --kind bundle --name b --version 2
    --all --rule),
    '{"attribute":"brand","op":"in","values":["MAX"],"fold":true}');
is $four->asks(qw(explain app=com.example.plain kind=bundle name=b brand=max
    os_version=10))->{release}, 'more', 'and a rule with a new word';
$four->must(qw(pause com.example.plain more));
is_deeply $four->asks(qw(explain app=com.example.plain kind=bundle name=b
    version=2 brand=max os_version=10))->{manifest}{meta}, { restart => $true },
    'the rollback has the meta of its release, once there was the key';
is_deeply $four->asks('verify')->{problems}, [], 'the depot is good again';

done_testing;
