package Schema;

# The part of JSON Schema that the schemas in docs/ use; any other keyword is an
# error of the schema.
#
#   my $schema = Schema->new("$MDS::ROOT/docs/schema/explain.json");
#   is_deeply([ $schema->errors($json) ], []);

use strict;
use warnings;

use JSON::PP;
use Scalar::Util qw(blessed);

my %ignored = map { $_ => 1 } qw($schema $defs title description
    format);

sub new {
    my ($class, $path) = @_;
    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return bless { root => JSON::PP->new->utf8->decode(scalar <$file>) }, $class;
}

sub errors {
    my ($self, $value) = @_;
    return $self->check($self->{root}, $value, '');
}

sub type {
    my ($value) = @_;
    return 'null'    if !defined $value;
    return 'boolean' if blessed $value && $value->isa('JSON::PP::Boolean');
    return { HASH => 'object', ARRAY => 'array' }->{ ref $value } if ref $value;
    my $text = JSON::PP->new->allow_nonref->encode($value);
    return $text =~ /^"/ ? 'string' : $text =~ /^-?\d+$/ ? 'integer' : 'number';
}

sub check {
    my ($self, $schema, $value, $at) = @_;
    my @errors;

    for my $word (sort keys %$schema) {
        my $want = $schema->{$word};
        next if $ignored{$word};
        my $check = $self->can("check_$word") or $word eq '$ref'
            or die "schema: the keyword $word is not known\n";
        if ($word eq '$ref') {
            my $name = $want =~ m{^#/\$defs/(\w+)$} ? $1 : die "schema: $want\n";
            push @errors, $self->check($self->{root}{'$defs'}{$name}
                // die("schema: $want\n"), $value, $at);
            next;
        }
        push @errors, $check->($self, $want, $value, $at, $schema);
    }

    return @errors;
}

sub check_type {
    my ($self, $want, $value, $at) = @_;
    my $is   = type($value);
    my @want = ref $want ? @$want : $want;
    return grep({ $is eq $_ || ($is eq 'integer' && $_ eq 'number') } @want) ? ()
        : "$at: $is, not @want";
}

sub check_minimum {
    my ($self, $want, $value, $at) = @_;
    return type($value) !~ /^(?:integer|number)$/ || $value >= $want ? ()
        : "$at: $value is below $want";
}

sub check_maxItems {
    my ($self, $want, $value, $at) = @_;
    return ref $value ne 'ARRAY' || @$value <= $want ? ()
        : "$at: more than $want items";
}

sub check_enum {
    my ($self, $want, $value, $at) = @_;
    return defined $value && (grep { $_ eq $value } @$want) ? ()
        : "$at: " . ($value // 'null') . " is not one of @$want";
}

sub check_required {
    my ($self, $want, $value, $at) = @_;
    return ref $value ne 'HASH' ? ()
        : map { exists $value->{$_} ? () : "$at: $_ is missing" } @$want;
}

sub check_properties {
    my ($self, $want, $value, $at) = @_;
    return ref $value ne 'HASH' ? () : map { exists $value->{$_}
        ? $self->check($want->{$_}, $value->{$_}, "$at/$_") : () } sort keys %$want;
}

sub check_additionalProperties {
    my ($self, $want, $value, $at, $schema) = @_;
    return () if ref $value ne 'HASH';
    my @more = grep { !exists $schema->{properties}{$_} } sort keys %$value;
    return ref $want eq 'HASH' ? map { $self->check($want, $value->{$_}, "$at/$_") } @more
        : $want ? () : map { "$at: $_ is unknown" } @more;
}

sub check_items {
    my ($self, $want, $value, $at) = @_;
    return ref $value ne 'ARRAY' ? ()
        : map { $self->check($want, $value->[$_], "$at/$_") } 0 .. $#$value;
}

1;
