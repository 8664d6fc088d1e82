package Pack;

# Zips and tars byte by byte, right ones and wrong ones.
#
#   Pack::zip([ 'a.js', 'bytes' ], [ 'dir/', '' ],
#       [ 'link', 'target', { mode => 0120777 } ])
#   Pack::tar([ 'a.js', 'bytes', { type => 2, link => '/etc/passwd' } ])

use strict;
use warnings;

use Compress::Raw::Zlib;

# stored, or deflated (the default); of a time of 2020-02-02 02:02:02.
sub zip {
    my (@entries) = @_;
    my ($out, $directory) = ('', '');

    for my $entry (@entries) {
        my ($name, $data, $more) = @$entry;
        my %o = (mode => $name =~ m{/$} ? 040755 : 0100644, flags => 0x800,
            time => 0x1041, date => 0x5042, extra => '', comment => '',
            method => length $data ? 8 : 0, needs => 20, host => 3,
            %{ $more // {} });
        my $packed = $o{method} == 8 ? deflate($data, $o{level}) : $data;
        my $crc    = $o{crc} // crc32($data);
        my $size   = $o{size} // length $data;
        my $piped  = $o{flags} & 8;
        my @head   = ($o{needs}, $o{flags}, $o{method}, $o{time}, $o{date});
        my @sizes  = ($crc, $o{packed} // length $packed, $size);
        my $offset = length $out;
        my $local  = $o{local} // $name;

        $out .= pack('VvvvvvVVVvv', 0x04034b50, @head,
            ($piped ? (0, 0, 0) : @sizes), length $local, length $o{extra})
            . $local . $o{extra} . $packed;
        $out .= pack 'VVVV', 0x08074b50, @sizes if $piped;
        $directory .= pack('VvvvvvvVVVvvvvvVV', 0x02014b50, $o{host} << 8 | 0x1e,
            @head,
            @sizes, length $name, length $o{extra}, length $o{comment}, 0, 0,
            $o{mode} << 16, $offset) . $name . $o{extra} . $o{comment};
    }

    return $out . $directory . pack('VvvvvVVv', 0x06054b50, 0, 0,
        scalar @entries, scalar @entries, length $directory, length $out, 0);
}

sub deflate {
    my ($data, $level) = @_;
    my ($d) = Compress::Raw::Zlib::Deflate->new(-WindowBits => -MAX_WBITS,
        -Level => $level // 6, -AppendOutput => 1);
    my $out = '';
    $d->deflate($data, $out);
    $d->flush($out);
    return $out;
}

# ustar; type 0 file, 1 hard link, 2 symbolic link, 3 device, 5 folder, 6 pipe
sub tar {
    my (@entries) = @_;
    my $out = '';

    for my $entry (@entries) {
        my ($name, $data, $more) = @$entry;
        my %o = (type => $name =~ m{/$} ? 5 : 0, mode => 0640, link => '',
            size => length $data, %{ $more // {} });
        my $head = pack 'a100 A8 A8 A8 A12 A12 A8 a1 a100 a6 a2 a32 a32 a8 a8'
            . ' a155 x12', $name, sprintf("%07o\0", $o{mode}), "0000000\0",
            "0000000\0", sprintf("%011o\0", $o{size}), "13600000000\0", '',
            $o{type}, $o{link}, "ustar\0", '00', '', '', "0000000\0",
            "0000000\0", $o{prefix} // '';
        substr($head, 148, 8) = sprintf "%06o\0 ", unpack '%32C*', $head;
        $out .= $head . $data . "\0" x (-length($data) % 512);
    }

    return $out . "\0" x 1024;
}

1;
