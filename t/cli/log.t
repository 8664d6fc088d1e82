#!/usr/bin/perl

# Checks that mdsctl log prints who changed what and when, newest first.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX qw(strftime);
use Sys::Hostname;
use Test::More;

use Ctl ();
use Depot;

delete $ENV{SUDO_USER};
my $d = Depot->new(user => 'root');
is $d->does('log'), '', 'nothing was done yet';
is_deeply $d->asks('log'), [], 'for machines';

my $from = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime);
$d->must('publish', $d->put('f', 'x'), qw(--app a --kind upgrade --version 1));
$d->must(qw(list add b staff bob --new-app));
$d->must(qw(release a r --kind upgrade --version 1 --percent 10));
$d->must(qw(promote a r --all));
$d->must(qw(promote a r --all));             # no change
$d->run(qw(pause a none));                   # fails
$d->put_json('doc.json', { app => 'c', poll => { after_s => 5 } });
$d->must('apply', "$d->{dir}/doc.json");
$d->must('apply', "$d->{dir}/doc.json", '--dry-run');
my $to = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime);

my $log = $d->asks('log');
is_deeply [map { $_->{serial} } @$log], [5, 4, 3, 2, 1],
    'an entry for each change, and for nothing else';
is_deeply [map { $_->{app} } @$log], [qw(c a a b a)], 'of which app';
is_deeply [map { $_->{command} } @$log], ["apply $d->{dir}/doc.json",
    'promote a r --all',
    'release a r --kind upgrade --version 1 --percent 10',
    'list add b staff bob --new-app',
    "publish $d->{dir}/f --app a --kind upgrade --version 1"], 'by what';
my $me = getpwuid($<) . '@' . hostname();
is_deeply [grep { $_->{who} ne $me } @$log], [], 'by whom';
is_deeply [grep { $_->{time} lt $from || $_->{time} gt $to } @$log], [],
    'and when';
is_deeply [map { $_->{step} ? 1 : 0 } @$log], [0, 1, 1, 1, 1],
    'by a document, or by a step';
is_deeply $log->[1]{changes}[0], { what => 'release', id => 'r',
    before => { id => 'r', kind => 'upgrade', version => '1',
        audience => { percent => 10 } },
    after => { id => 'r', kind => 'upgrade', version => '1',
        audience => { all => JSON::PP::true } } }, 'from what to what';

my $out = $d->does('log');
like $out, qr/\A5  \S+Z  \Q$me\E  c: apply \S+  key \w{16}\n  \+ poll\n4  /,
    'in words, the newest first';
like $out, qr/^4  .*  a: promote a r --all  key \w{16}\n  ~ release r: audience\n3  /m,
    'with what changed';
is_deeply [map { $_->{serial} } @{ $d->asks(qw(log a)) }], [4, 3, 1],
    'of one app';
$d->refuses('there is no app "none"; apps: ', qw(log none));
$d->refuses('there is no app "none"; apps: ', qw(--json log none));
$d->misused('one argument too many', qw(log a b));

# Behind sudo, the person in front of it.
{
    local $ENV{SUDO_USER} = 'erika';
    $d->must(qw(list add b staff eve));
}
is $d->asks('log')->[0]{who}, 'erika@' . hostname(), 'behind sudo';

# The secret key is named, never told.
my $secret = (split /\n/, Ctl::read_file($d->{key}))[1];
$d->must(qw(release a s --kind upgrade --version 1 --all --key), $d->{key});
unlike $d->must('--json', 'log'), qr/\Q$secret\E/, 'no secret in the log';

my $before = $d->tree;
$d->must('log');
$d->untouched($before, 'log');

done_testing;
