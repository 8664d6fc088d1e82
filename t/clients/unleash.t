# Unleash's specification of its clients, from the npm registry: each toggle becomes
# releases of a config value, a strategy is a release, and its constraints are rules.
# How many of the suite's tests an edge decides as an Unleash client does, has a
# floor; what mds cannot say (regular expressions, networks, parts of texts, toggles
# that need others) and other dice make the difference. The suites of GrowthBook, of
# hot-updater's decisions and of code-push-server are not published (docs/clients.md).

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Recipe;
use Test::More;
use Time::Local qw(timegm);

my ($modules, $why) = Recipe::npm();
plan skip_all => $why if !defined $modules;

my $FLOOR = 188;    # of 227

my %ATTRIBUTE = (userId => 'user', sessionId => 'device', remoteAddress => 'address',
    environment => 'environment', appName => 'app_name', currentTime => 'time');

# The attribute of a field of the context.
sub attribute {
    my ($field) = @_;
    return $ATTRIBUTE{$field} // 'p_' . lc $field =~ s/[^A-Za-z0-9]/_/gr;
}

# A time as a number, by which rules compare.
sub seconds {
    my ($text) = @_;
    my @t = $text =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)[.\d]*(?:([+-])(\d+):(\d+))?/
        or return $text;
    my $offset = defined $t[6] ? "$t[6]1" * ($t[7] * 3600 + $t[8] * 60) : 0;
    return timegm(@t[5, 4, 3, 2], $t[1] - 1, $t[0]) - $offset . '';
}

# The rule of a constraint; nothing if there is none, and 1 or 0 if it holds for
# all or for nobody.
sub rule {
    my ($c) = @_;
    my ($name, $op, $value) = (attribute($c->{contextName}), $c->{operator}, $c->{value});
    my $not = $c->{inverted} ? 1 : 0;
    my @values = @{ $c->{values} // [] };
    my %rule = (attribute => $name);

    if ($op =~ /^(NOT_)?IN$/) {
        $not ^= defined $1;
        return $not if !@values;
        return if grep { /\*$/ } @values;
        @rule{qw(op values)} = ($not ? 'not_in' : 'in', \@values);
    } elsif ($op eq 'STR_STARTS_WITH') {
        @rule{qw(op values)} = ($not ? 'not_in' : 'in', [ map { "$_*" } @values ]);
        $rule{fold} = JSON::PP::true if $c->{caseInsensitive};
    } elsif ($op =~ /^(NUM|SEMVER|DATE)_(EQ|GTE?|LTE?|AFTER|BEFORE)$/) {
        my ($type, $how) = ($1, $2);
        $value = seconds($value) if $type eq 'DATE';
        $rule{as} = 'number' if $type ne 'SEMVER';
        $rule{min} = $value if $how =~ /^(EQ|GTE)$/;
        $rule{max} = $value if $how =~ /^(EQ|LTE|GT|AFTER)$/;
        $rule{below} = $value if $how =~ /^(LT|BEFORE)$/;
        $rule{op} = ($how =~ /^(GT|AFTER)$/) ^ $not ? 'not_range' : 'range';
    } else {
        return;
    }
    $rule{absent} = JSON::PP::true if $not;
    return \%rule;
}

# The audience of a strategy; nothing if there is none.
sub audience {
    my ($strategy, $lists) = @_;
    my ($name, $p) = ($strategy->{name}, $strategy->{parameters} // {});
    my $percent = ($p->{percentage} // $p->{rollout} // 0) + 0;

    return { all => JSON::PP::true } if $name eq 'default';
    if ($name eq 'userWithId') {
        my $list = 'l' . keys %$lists;
        $lists->{$list} = { ids => [ grep { length } split /\s*,\s*/, $p->{userIds} ] };
        return { lists => [$list] };
    }
    return if $name !~ /^gradualRollout|^flexibleRollout$/;
    my $by = $name =~ /UserId$/ ? 'userId' : $name =~ /SessionId$/ ? 'sessionId'
        : $p->{stickiness} // 'default';
    return $percent == 100 ? { all => JSON::PP::true } : { percent => 0 }
        if $percent == 0 || $percent == 100 && $by !~ /Id$/;
    return { percent => $percent, by => $by eq 'sessionId' ? 'device' : 'user' };
}

sub releases {
    my ($name, $feature, $segments, $lists) = @_;
    my @strategies = @{ $feature->{strategies} // [] };
    @strategies = { name => 'default' } if !@strategies;
    my @releases;

    for my $strategy (@strategies) {
        my $address = $strategy->{name} eq 'remoteAddress';
        my @constraints = (@{ $strategy->{constraints} // [] },
            map { @{ ($segments->{$_} // return)->{constraints} } } @{ $strategy->{segments} // [] });
        push @constraints, { contextName => 'remoteAddress', operator => 'IN',
            values => [ split /\s*,\s*/, $strategy->{parameters}{IPs} ] } if $address;
        my @rules = map { rule($_) } @constraints;
        my $audience = $address ? { all => JSON::PP::true } : audience($strategy, $lists);
        next if !defined $audience || @rules != @constraints || grep { !$_ } @rules;
        @rules = grep { ref } @rules;
        push @releases, { id => $name . '-' . @releases, kind => 'config', name => $name,
            value => JSON::PP::true, audience => $audience, @rules ? (rules => \@rules) : () };
    }
    return @releases;
}

# Whether a toggle is on (1) or off (0) for everybody; otherwise nothing.
sub always {
    my ($feature) = @_;
    return 0 if !defined $feature || !$feature->{enabled};
    return 1 if grep { !@{ $_->{constraints} // [] } && !@{ $_->{segments} // [] }
        && ($_->{name} eq 'default' || ($_->{parameters}{rollout} // 0) == 100) }
        @{ $feature->{strategies} // [] };
    return;
}

# Whether the toggles that it needs leave it on, as far as that is the same for all.
sub may_be_on {
    my ($feature, $features) = @_;
    for my $need (@{ $feature->{dependencies} // [] }) {
        my ($parent) = grep { $_->{name} eq $need->{feature} } @$features;
        my $is = always($parent);
        return 0 if $parent && @{ $parent->{dependencies} // [] };
        return 0 if defined $is && $is != ($need->{enabled} // 1 ? 1 : 0);
    }
    return 1;
}

# The state after the events of a suite.
sub state {
    my ($suite) = @_;
    my $state = $suite->{state};
    my (%features, %segments);
    for my $event (@{ $state->{events} // [] }) {
        $features{ $_->{name} } = $_ for @{ $event->{features} // [] }, grep { defined } $event->{feature};
        $segments{ $_->{id} } = $_ for @{ $event->{segments} // [] }, grep { defined } $event->{segment};
        delete $features{ $event->{featureName} } if $event->{type} eq 'feature-removed';
    }
    return ($state->{features} // [ values %features ], $state->{segments} // [ values %segments ]);
}

sub query {
    my ($context) = @_;
    my %field = (%$context, %{ $context->{properties} // {} });
    delete $field{properties};
    return join '&', map {
        my $value = $_ eq 'currentTime' ? seconds($field{$_}) : $field{$_};
        utf8::encode($value);
        attribute($_) . '=' . $value =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger
    } grep { defined $field{$_} && length $field{$_} } sort keys %field;
}

my $folder = "$modules/\@unleash/client-specification/specifications";
my $t = MDS->new;
$t->depot;
$t->start(<<'END');
mds_depot  %DEPOT%;
server { listen %LISTEN%; location = /config { mds_config; } }
END

my ($same, $all, %differs) = (0, 0);
my $number = 0;
for my $file (@{ decode_json($t->read("$folder/index.json")) }) {
    my $suite = decode_json($t->read("$folder/$file"));
    my $app = 'u' . ++$number;
    my (%name, %lists, @releases);
    my ($features, $segments) = state($suite);
    my %segments = map { ($_->{id} => $_) } @$segments;
    for my $feature (@$features) {
        $name{ $feature->{name} } = 'f' . keys %name;
        push @releases, releases($name{ $feature->{name} }, $feature, \%segments, \%lists)
            if $feature->{enabled} && may_be_on($feature, $features);
    }
    my ($status, $out, $err) = $t->mdsctl_any('apply', $t->document({ app => $app,
        lists => \%lists, releases => \@releases }));
    is($status, 0, "$file: releases") or diag $err;

    for my $test (@{ $suite->{tests} // [] }) {
        my $r = $t->get("/config?app=$app&" . query($test->{context}));
        my $is = $r->status == 200 && $r->json->{values}{ $name{ $test->{toggleName} } // '' };
        $all++;
        if (!!$is eq !!$test->{expectedResult}) {
            $same++;
        } else {
            push @{ $differs{$file} }, $test->{description};
        }
    }
}
for my $file (sort keys %differs) {
    note "$file: $_" for @{ $differs{$file} };
}
cmp_ok($same, '>=', $FLOOR, "$same of $all tests decide the same");

$t->finish;
