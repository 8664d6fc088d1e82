#!/usr/bin/perl

# What each command prints with --json is as its schema in docs/schema says.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../nginx/lib";
use JSON::PP;
use Test::More;

use Ctl ();
use Depot;
use Schema;

my $d   = Depot->new(user => 'root');
my $dir = $d->{dir};
my %schema = map { m{([\w-]+)\.json$} => Schema->new($_) }
    glob "$FindBin::Bin/../../docs/schema/*.json";
my %seen;

# One value, or each of an array.
sub fits {
    my ($name, $value, $what) = @_;
    $seen{$name}++;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [ $schema{$name}->errors($value) ], [], "$what: by $name.json";
    return $value;
}

# The option stands behind the command, where parsing comes to it last; other
# tests have it in front.
sub says {
    my ($name, @command) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $out = $d->must(@command, '--json');
    return fits($name, eval { JSON::PP->new->utf8->decode($out) }, "@command");
}

unlink glob "$dir/other.*";
fits('init', JSON::PP->new->utf8->decode((Ctl::ctl('--depot', "$dir/fresh", '--json',
    'init'))[1]), 'init');
says('keygen', 'keygen', "$dir/other");

# --- changes

my @publish = (qw(--app a --kind upgrade --platform android --version));
says('change', 'publish', $d->put("v$_", "v$_"), @publish, $_) for '1.0', '2.0';
says('change', 'publish', $d->put('home', 'home'), qw(--app a --kind bundle --name home
    --channel x --version 1));
says('change', qw(list import a beta), $d->put('ids', "u1\nu2\n"));
says('change', qw(list add a lab d1 --by device));
says('change', qw(list remove a beta u2));
says('change', qw(release a r --kind upgrade --platform android --version 1.0 --list beta));
says('change', qw(release a w --kind upgrade --platform android --version 2.0 --window 1k
    --until 7d --note why));
says('change', qw(release a over --kind upgrade --platform android --version 2.0 --percent 1));
says('change', qw(edit a r --priority 3 --dry-run));
says('change', qw(edit a r --priority 3));
says('change', qw(promote a r --percent 5));
says('change', qw(copy a r --channel x));
says('change', $_, 'a', 'over') for qw(pause resume end);
says('change', qw(message push a --to android=2.0 --until 7d --users), "$dir/ids");
says('change', 'apply', $d->put('shop.json', $d->export('a') =~ s/\{/{ "poll": { "after_s": 900 },/r));
says('change', 'apply', "$dir/shop.json");
says('change', 'revert', $d->serial);
says('change', qw(remove release a over));

# --- roots

my @keys = (map { ("--$_-key", "$dir/other.pub") } qw(root sign head));
says('trust', qw(trust init), "$dir/root.json", @keys, qw(--threshold 1));
says('trust', qw(trust edit), "$dir/root.json", qw(--expires 30d --dry-run))
    if says('trust', qw(trust sign), "$dir/root.json", '--key', "$dir/other.key");
says('trust', qw(trust show), "$dir/root.json");

# --- what is there

my $status = says('status', 'status');
ok $status->{apps}[0]{releases}[1]{window}, '... with a window';
ok $status->{apps}[0]{releases}[0]{since}, '... and a last change';
says('versions', 'versions', 'a');
says('explain', 'explain', @$_) for [qw(app=a kind=upgrade platform=android version=1.0 user=u1)],
    [qw(app=a kind=config)];
fits('export', JSON::PP->new->utf8->decode($d->must('export', 'a')), 'export');
says('devices', qw(devices a u1));
says('devices-forget', qw(devices a --forget nobody));
is_deeply says('list-show', qw(list show a beta))->{members}, ['u1'], '... its ids';
says('list-show-all', qw(list show a));
{
    # An edge's journal is empty: the catalog alone is known.
    my $edge = "$dir/edge";
    Ctl::ctl('--depot', $edge, 'init');
    system("rm -r '$edge'/catalog '$edge'/lists '$edge'/CURRENT
        cp -a '$d->{depot}'/catalog '$d->{depot}'/lists '$d->{depot}'/CURRENT '$edge'") == 0 or die;
    local $d->{depot} = $edge;
    my $served = says('status', 'status', 'a');
    is_deeply [ sort map { $_->{id} } @{ $served->{apps}[0]{releases} } ],
        [ sort map { $_->{id} } @{ $status->{apps}[0]{releases} } ], '... an edge: releases';
    my ($window) = map { $_->{window} // () } @{ $served->{apps}[0]{releases} };
    is $window->{count}, 1000, '... a window';
    is_deeply $d->asks('status')->{apps}, $served->{apps}, '... all apps';
    is scalar @{ says('versions', 'versions', 'a')->{published} }, 2,
        '... packages, but for those that no release is about';
    is_deeply says('devices', qw(devices a u1)), [], '... no devices';
    for my $words ([qw(status none)], [qw(versions none)], [qw(devices none u1)]) {
        my ($code, undef, $err) = $d->run(@$words);
        is $code, 1, "... @$words: exit 1";
        like $err, qr/there is no app "none"; apps: a$/, '... and those that there are';
    }
}
my $messages = says('message-list', qw(message list a u1));
is scalar @$messages, 1, '... a message';
my $log = says('log', 'log');
is scalar(grep { $_->{note} } @$log), 1, '... with a note';
says('verify', 'verify');
says('gc', 'gc', '--dry-run', '--grace', 0);
says('version', 'version');
says('snapshot', 'snapshot', "$dir/s.tar.zst");
{
    local $d->{depot} = "$dir/second";
    says('restore', 'restore', "$dir/s.tar.zst");
}

# t/cli/simulate.t, t/cli/check.t, t/nginx and t/fleet look at these.
delete @schema{qw(simulate check database-init database-status
    database-import database-leave status-edge)};
is_deeply [ grep { !$seen{$_} } sort keys %schema ], [], 'every schema is tested';

done_testing;
