# Mistakes in nginx.conf are found by `nginx -t`, with file and line, before a
# reload puts them in force; and `nginx -t` never touches a depot.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use MDS;
use Test::More;

my $t    = MDS->new;
my $name = 'a' x 33;
my $many = join "\n", map { "mds_attribute a$_ x;" } 1 .. 65;

sub location { "server { listen %LISTEN%;\n$_[0]\n}" }

# The line with "# here" is the one that the message has to name.
my @wrong = (
    [ "mds_depot; # here\n",
      qr/invalid number of arguments in "mds_depot" directive/ ],
    [ "mds_depot a b; # here\n",
      qr/invalid number of arguments in "mds_depot" directive/ ],
    [ "mds_depot ''; # here\n",
      qr/"mds_depot" directive needs the path of a directory/ ],
    [ "mds_depot %DEPOT%;\nmds_depot %DEPOT%; # here\n",
      qr/"mds_depot" directive is duplicate/ ],

    [ "mds_attribute user; # here\n",
      qr/invalid number of arguments in "mds_attribute" directive/ ],
    [ "mds_attribute User x; # here\n", qr/"User" is not the name of an attribute/ ],
    [ "mds_attribute 1a x; # here\n",   qr/"1a" is not the name of an attribute/ ],
    [ "mds_attribute a-b x; # here\n",  qr/"a-b" is not the name of an attribute/ ],
    [ "mds_attribute '' x; # here\n",   qr/"" is not the name of an attribute/ ],
    [ "mds_attribute $name x; # here\n", qr/"$name" is not the name of/ ],
    [ "mds_attribute user x;\nmds_attribute user y; # here\n",
      qr/the attribute "user" is set twice here/ ],
    [ "mds_attribute user \$nonesuch; # here\n",
      qr/unknown "nonesuch" variable/, 'no line' ],
    [ "$many\n" . location(''),
      qr/more than 64 attributes are set by "mds_attribute"/, 'no line' ],

    [ "mds_check; # here\n", qr/"mds_check" directive is not allowed here/ ],
    [ "server {\nmds_files; # here\n}",
      qr/"mds_files" directive is not allowed here/ ],
    [ location("location = /c {\nmds_check x; # here\n}"),
      qr/invalid number of arguments in "mds_check" directive/ ],
    [ location("location = /c {\nmds_check; # here\n}"),
      qr/"mds_check" has no "mds_depot" that applies to it/ ],
    [ location("location /f/ {\nmds_files; # here\n}"),
      qr/"mds_files" has no "mds_depot" that applies to it/ ],
    [ location("location / { mds_depot %DEPOT%; location = /c {\nmds_check;\n"
          . "mds_check; # here\n} }"),
      qr/"mds_check" directive is duplicate/ ],
    [ "mds_depot %DEPOT%;\n"
          . location("location /f/ {\nmds_check;\nmds_files; # here\n}"),
      qr/"mds_files" cannot share a location with "mds_check"/ ],
    map({ [ "mds_depot %DEPOT%;\n"
              . location("location $_ {\nmds_files; # here\n}"),
          qr/"mds_files" directive needs a location that is a prefix/ ] }
        '= /f/', '/f', '~ ^/f/', '@f'),
);

for my $case (@wrong) {
    my ($http, $message, $no_line) = @$case;
    my ($status, $said) = $t->test_config($http);

    my @lines = split /\n/, $t->read('nginx.conf');
    my ($line) = grep { $lines[ $_ - 1 ] =~ /# here/ } 1 .. @lines;
    my $where = $no_line ? qr// : qr/ in \Q$t->{dir}\E\/nginx\.conf:$line\b/;

    (my $title = $http) =~ s/\s+/ /g;
    $title = substr $title, 0, 60;
    is($status, 1, "refused: $title");
    like($said, qr/\[emerg\] .*$message.*$where/, "told: $title");
}

my @right = (
    "mds_depot depot;\n" . location('location = /c { mds_check; }'),
    "mds_attribute city '';\n" . location('location / { return 204; }'),
    location('mds_depot %DEPOT%; location /f/ { mds_files; }'),
    location('location /f/ { mds_files; mds_depot %DEPOT%/; }'),
    "mds_depot %DEPOT%;\nmds_attribute user a;\n" . location(
        "mds_depot %DIR%/other; mds_attribute user \$remote_user;\n"
            . 'location = /c { mds_check; mds_attribute user b; }'),
    "mds_depot %DEPOT%;\n" . location(
        'location = /c { mds_check; limit_except GET { deny all; } }'),
);

for my $http (@right) {
    my ($status, $said) = $t->test_config($http);
    is($status, 0, 'accepted') or diag($said);
}

ok(!-e $t->depot_dir, 'nginx -t makes no depot');

done_testing;
