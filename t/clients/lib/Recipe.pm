package Recipe;

# A recipe of docs/clients.md, run as it stands there: its publish commands in a
# folder of files, and its configuration by a real nginx.
#
#   my $t = Recipe->new('electron-updater', files => { 'a' => 'bytes' },
#       before => 'commands that make more files');

use strict;
use warnings;

use File::Path qw(make_path);
use FindBin;
use lib "$FindBin::Bin/../nginx/lib";
use MDS;

our @ISA = ('MDS');

sub new {
    my ($class, $section, %options) = @_;
    my $files = delete $options{files};
    my $before = delete $options{before};
    my $paths = delete $options{paths} // {};    # of the page, and here
    my $t = MDS::new($class, %options);

    $t->depot;

    for my $name (keys %$files) {
        make_path($t->dir . "/$1") if $name =~ m{(.*)/};
        $t->write($name, $files->{$name});
    }

    $t->sh($before) if defined $before;

    my $page = $t->read("$MDS::ROOT/docs/clients.md");
    my ($text) = $page =~ /^## \Q$section\E\n(.*?)(?=^## |\z)/ms;
    die "docs/clients.md has no section $section" if !defined $text;

    $t->sh($1) while $text =~ /^```sh\n(.*?)^```/msg;

    my ($config) = $text =~ /^```nginx\n(.*?)^```/ms;
    $config =~ s{/var/lib/mds}{%DEPOT%}g;
    $config =~ s{\Q$_\E}{%DIR%/$paths->{$_}}g for keys %$paths;
    $config =~ s{listen 8080}{listen %LISTEN%}g;
    $t->start($config);

    return $t;
}

# Runs commands of the page in the folder of the files.
sub sh {
    my ($t, $commands) = @_;
    my ($status, $out, $err) = $t->run({
        MDS_KEY => $t->dir . '/test.key', MDS_DEPOT => $t->depot_dir,
        EDGE => $t->url, PATH => "$MDS::BUILD:$ENV{PATH}" },
        'sh', '-ec', "cd '" . $t->dir . "'\n$commands");
    die "$commands\nexit $status: $out$err" if $status != 0;
}

# Returns the folder of the clients that t/clients/install has installed, or
# nothing and why not.
sub npm {
    my $dir = "$MDS::BUILD/clients";

    return "$dir/node_modules" if -e "$dir/done";
    return (undef, 'the npm registry cannot be reached') if -e "$dir/unreachable";
    return (undef, 'the clients are not installed: make test-clients');
}

1;
