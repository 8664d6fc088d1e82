#!/usr/bin/perl
# Makes ngx_http_mds_status_page.h of status.html: the page, cut at its two
# places for what the edge fills in, and the policy that allows its own script
# and style and nothing else. "make page" runs it; t/nginx/status_page.t checks
# that it was run.

use strict;
use warnings;

use Digest::SHA qw(sha256_base64);

my ($source) = @ARGV;
open my $file, '<:raw', $source or die "$source: $!\n";
my $html = do { local $/; <$file> };

sub source_hash {
    my ($tag) = @_;
    my ($text) = $html =~ m{<$tag>(.*?)</$tag>}s or die "$source: no <$tag>\n";
    my $hash = sha256_base64($text);
    $hash .= '=' while length($hash) % 4;
    return "'sha256-$hash'";
}

my $policy = join '; ', "default-src 'none'", 'script-src ' . source_hash('script'),
    'style-src ' . source_hash('style'), "connect-src 'self'", 'img-src data:',
    "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'";

sub literal {
    my ($text) = @_;
    my $out = '';
    for my $line (split /(?<=\n)/, $text) {
        $line =~ s/([\\"?])/\\$1/g;
        $line =~ s/\n/\\n/g;
        $line =~ s/([^\x20-\x7e])/sprintf '\\%03o', ord $1/ge;
        $out .= "    \"$line\"\n";
    }
    return $out;
}

my @parts = split /\@(?:TABLE|EXPLAIN)\@/, $html;
die "$source: two places are needed\n" if @parts != 3;
my @names = qw(HEAD MIDDLE TAIL);

print "/* Made of status.html by status_page.pl; do not edit. */\n\n",
    "/* clang-format off */\n\n",
    "#define NGX_HTTP_MDS_PAGE_POLICY \\\n    \"$policy\"\n";
print "\nstatic const char ngx_http_mds_page_", lc $names[$_], "[] =\n",
    literal($parts[$_]) =~ s/\n\z/;\n/r for 0 .. 2;
print "\n/* clang-format on */\n";
