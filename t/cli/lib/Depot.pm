package Depot;

# A depot of its own for a test, with a key and packages, and what is asked of
# every command: that it succeeds in silence on stderr, or fails with exit
# code 1, one line of words, and a depot that is to the byte as it was.
#
#   my $d = Depot->new;                    # made by `mdsctl init`
#   my $out   = $d->does('pause', 'a', 'r');
#   my $facts = $d->asks('status');        # by --json
#   $d->refuses(qr/no release/, 'pause', 'a', 'none');

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Find qw(find);
use File::Temp qw(tempdir);
use JSON::PP;
use POSIX ();
use Test::More import => [qw(is like is_deeply)];

use Ctl ();
use Tree;

our $BUILD = $Ctl::build;

# user => 'root': who owns the state. By default that is the user of nginx's workers, and
# mdsctl opens the state in a process of that user, which doubles what a command costs; a
# test that is of something else saves that.
sub new {
    my ($class, %self) = @_;
    my $self = bless \%self, $class;

    $self->{dir}   //= tempdir(CLEANUP => 1);
    $self->{depot} //= "$self->{dir}/depot";
    $self->{key}   //= "$self->{dir}/ops.key";

    if (!-e $self->{key}) {
        my ($code, undef, $err)
            = Ctl::ctl('keygen', $self->{key} =~ s/\.key$//r);
        die "keygen: $err" if $code ne 0;
    }
    if (!-e "$self->{depot}/CURRENT") {
        my ($code, undef, $err) = Ctl::ctl('--depot', $self->{depot}, 'init',
            defined $self->{user} && $> == 0 ? ('--user', $self->{user}) : ());
        die "init: $err" if $code ne 0;
    }
    return $self;
}

# Another one that is as this one is now, with the same key.
sub copy {
    my ($self) = @_;
    my $dir = tempdir(CLEANUP => 1);
    copy_tree($self->{depot}, "$dir/depot");
    return Depot->new(dir => $dir, key => $self->{key});
}

# Gives the state to the caller, who needs no process of its user from then on.
sub own_state {
    my ($self) = @_;
    return if $> != 0;
    find({ no_chdir => 1, wanted => sub { POSIX::lchown(0, 0, $_) } }, "$self->{depot}/state");
}

sub run {
    my ($self, @args) = @_;
    local $ENV{MDS_DEPOT} = $self->{depot};
    local $ENV{MDS_KEY}   = $self->{key} if defined $self->{key};
    return Ctl::ctl(@args);
}

# The same of a command that may wait for what has no end: so many seconds at most.
# Hands back the exit code, and all that it said.
sub run_within {
    my ($self, $seconds, @args) = @_;
    local $SIG{ALRM} = sub { die short(@args) . ": has not ended after $seconds s\n" };
    alarm $seconds;
    my ($code, $out, $err) = $self->run(@args);
    alarm 0;
    return ($code, $out . $err);
}

# Succeeds; hands back stdout.
sub does {
    my ($self, @args) = @_;
    my ($code, $out, $err) = $self->run(@args);
    my $name = short(@args);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is "$code:$err", '0:', "$name: done, and nothing on stderr";
    return $out;
}

# The same, where the test is of something else: says nothing if it works.
sub must {
    my ($self, @args) = @_;
    my ($code, $out, $err) = $self->run(@args);
    die short(@args) . ": $code: $err" if $code ne 0;
    return $out;
}

sub asks {
    my ($self, @args) = @_;
    my $out   = $self->must('--json', @args);
    my $facts = eval { JSON::PP->new->utf8->decode($out) };
    die short(@args) . ": no JSON: $out" if !defined $facts;
    return $facts;
}

# Exit code 1, these words, nothing on stdout, and nothing done at all.
sub refuses {
    my ($self, $words, @args) = @_;
    my $before = $self->tree;
    my ($code, $out, $err) = $self->run(@args);
    my $name = short(@args);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $code, 1, "$name: exit 1";
    is $out, '', "$name: nothing on stdout";
    like $err, qr/\Amdsctl: [^\n]*$words[^\n]*\n\z/, "$name: says why";
    $self->untouched($before, $name);
    return $err;
}

# The wrong usage: exit code 2.
sub misused {
    my ($self, $words, @args) = @_;
    my $before = $self->tree;
    my ($code, $out, $err) = $self->run(@args);
    my $name = short(@args);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $code, 2, "$name: exit 2";
    is $out, '', "$name: nothing on stdout";
    like $err, qr/\Amdsctl: [^\n]*$words.*^usage: mdsctl /ms,
        "$name: says what is wrong";
    $self->untouched($before, $name);
}

sub untouched {
    my ($self, $before, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [diff($before, $self->tree)], [], "$name: the depot is as it was";
}

# Everything in the depot: path to mode, owner, and, for files, time, size and
# digest. The lock file is LMDB's: whoever looks at the journal touches it.
# Generations that are old enough to go may go at any time.
sub tree {
    my ($self) = @_;
    my %tree;
    my $newest = (sort { $b <=> $a } map { /^(\d+)\.mdb$/ }
        $self->files('catalog'))[0];

    find({ no_chdir => 1, wanted => sub {
        my @st   = lstat $_ or return;
        my $name = substr $_, length $self->{depot};
        return if $name =~ m{/lock\.mdb$};
        return if $name =~ m{/catalog/(\d+)\.mdb$} && $1 + 5 <= $newest;
        return if $name =~ m{^/feed/catalog/}; # links to these
        $tree{$name} = join ' ', sprintf('%o', $st[2]), @st[4, 5], -f _
            ? ((Time::HiRes::stat($_))[9], $st[7],
               sha256_hex(Ctl::read_file($_)))
            : ();
    } }, $self->{depot});
    return \%tree;
}

sub diff {
    my ($before, $after) = @_;
    my %all = (%$before, %$after);
    return grep { ($before->{$_} // '') ne ($after->{$_} // '') }
        sort keys %all;
}

# Files under a folder of the depot, by name alone.
sub files {
    my ($self, $folder) = @_;
    opendir my $dir, "$self->{depot}/$folder" or die "$folder: $!";
    return sort grep { !/^\.\.?$/ } readdir $dir;
}

sub serial { $_[0]->asks('status')->{serial} }

sub export { $_[0]->must('export', $_[1]) }

# What the catalog in force says, which is what nginx says.
sub decides {
    my ($self, @attributes) = @_;
    return $self->asks('explain', @attributes);
}

# Writes a file beside the depot and hands back its path.
sub put {
    my ($self, $name, $bytes) = @_;
    my $path = "$self->{dir}/$name";
    open my $file, '>:raw', $path or die "$path: $!";
    print $file $bytes;
    close $file or die "$path: $!";
    return $path;
}

sub put_json {
    my ($self, $name, $value) = @_;
    return $self->put($name, JSON::PP->new->utf8->canonical->encode($value));
}

# Bytes that do not compress, the same ones for the same seed.
sub noise {
    my ($seed, $bytes) = @_;
    my $block = '';
    for (my $i = 0; length $block < $bytes; $i++) {
        $block .= Digest::SHA::sha512("$seed/$i");
    }
    return substr $block, 0, $bytes;
}

sub short {
    my $name = join ' ', map { s{^/\S*/}{}r } @_;
    return length $name > 70 ? substr($name, 0, 67) . '...' : $name;
}

require Time::HiRes;

1;
