package Overwrite;

# Overwrites a file of a depot, which is read-only, in place, as a disk does that
# fails: whoever has it open or mapped sees the change.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(overwrite);

sub overwrite {
    my ($file, $content) = @_;

    chmod 0644, $file;
    open my $out, '+<:raw', $file or die "$file: $!";
    print $out $content;
    truncate $out, length $content;
    close $out;
    chmod 0444, $file;
}

1;
