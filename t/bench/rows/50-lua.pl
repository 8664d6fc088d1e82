# The same rules in Lua, as a whole, and by what they add to an answer that is
# fixed: what nginx itself takes is in both.

use strict;
use warnings;

use Bench;
use Bench::Callgrind;
use Bench::Load;
use Bench::Lua;
use Bench::Pair;
use Bench::Side;
use Bench::World;

my $ROUNDS = knob(ROUNDS => 5);

# What our check adds to nginx's own answer is 1.
sub added {
    my ($ours, $lua, $fixed) = @_;
    return ($lua - $fixed) / ($ours - $fixed);
}

my %checks = (install => 200, nothing => 204);

for my $what (sort keys %checks) {
    my $status = $checks{$what};
    my @names  = ("check $what", "check $what in Lua", "return $status");
    my $name   = "$names[0] / $names[1]";
    my $sides  = sub {
        my @sides = (world()->check($what => 'mds'), lua_side(world(), $what));
        prove_same($status, @sides);
        return @sides;
    };
    my $three = sub { return ($sides->(), world()->check($what => $status)) };

    pair $name => (goal => 4, sides => $sides);

    measure "$name, added CPU time" => sub {
        my @sides = $three->();
        row(
            name  => "$name, added CPU time",
            value => median(map { added(map { load($_)->{cpu_us} } @sides) }
                1 .. $ROUNDS),
            unit  => 'ratio',
            goal  => 4,
        );
    };

    measure "$name, added instructions" => sub {
        my @sides = $three->();
        row(
            name  => "$name, added instructions",
            value => added(map { instructions($names[$_], $sides[$_]) } 0 .. 2),
            unit  => 'ratio',
            goal  => 4,
        );
    };
}

1;
