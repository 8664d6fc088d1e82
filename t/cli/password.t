#!/usr/bin/perl

# A secret key may be encrypted, as minisign does it: mdsctl and stock minisign take each
# other's, and the password is asked on a terminal or read from a file.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Ctl;
use Depot;
use Terminal;

delete $ENV{MDS_KEY_PASSWORD_FILE};

# Nobody would choose a key that is cheap to decrypt; tests do, where they can.
my $cheap = "$FindBin::Bin/../data/keys/encrypted";
my $d     = Depot->new(user => 'root');
my $dir   = $d->{dir};
my $app   = 0;

sub with_file {
    my ($file, @args) = @_;
    local $ENV{MDS_KEY_PASSWORD_FILE} = $file;
    return ctl('--depot', $d->{depot}, @args);
}

# Publishes for an app of its own, and verifies the signature.
sub publish {
    my ($key) = @_;
    $app++;
    return ('publish', $d->put("p$app", "package $app"), '--app', "app$app", '--kind',
        'upgrade', '--version', '1', '--new-app', '--key', $key);
}

sub verify {
    my ($what, $key) = @_;
    my ($sum) = map { /"file":"([0-9a-f]{64})|"sha256": *"([0-9a-f]{64})/ ? $1 // $2 : () }
        $d->does('export', "app$app");
    is system("minisign -V -q -p $key.pub -m $dir/p$app -x $d->{depot}/files/$sum.minisig"),
        0, "$what: minisign verifies the signature";
}

# --- a password in a file

my ($code, $out, $err) = with_file($d->put('right', "password\n"), publish("$cheap.key"));
is "$code:$err", '0:', 'a password from a file';
verify('... ', $cheap);

($code, $out, $err) = with_file($d->put('crlf', "password\r\nand more"),
    publish("$cheap.key"));
is "$code:$err", '0:', '... is its first line, without the line end';

for my $case (
    [ 'wrong', "Password\n", qr/^mdsctl: the password of key ".*encrypted\.key" is wrong$/ ],
    [ 'empty', "\n", qr/empty": the password is empty$/ ],
    [ 'long', 'x' x 1025, qr/long": the password is longer than 1024 bytes$/ ],
    [ 'longest', 'x' x 1024, qr/the password of .* is wrong$/ ],
) {
    my ($name, $text, $words) = @$case;
    ($code, $out, $err) = with_file($d->put($name, $text), publish("$cheap.key"));
    is "$code:$out", '1:', "$name: exit 1";
    like $err, $words, '... and why';
    unlike $err, qr/Password|xxx/, '... without the password';
}
($code, $out, $err) = with_file("$dir/none", publish("$cheap.key"));
is $code, 1, 'no such file: exit 1';
like $err, qr/failed to open ".*none": No such file/, '... and why';

# Without a file and a terminal, nobody can be asked.
{
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        POSIX::setsid();
        ($code, $out, $err) = ctl('--depot', $d->{depot}, publish("$cheap.key"));
        exit(!($code eq '1' && $err =~ /no terminal to ask on.*\$MDS_KEY_PASSWORD_FILE/));
    }
    waitpid $pid, 0;
    is $?, 0, 'without a terminal: exit 1, and the name of the variable';
}

# --- asked on a terminal

my @publish = ('--depot', $d->{depot});
my $asks = qr/Password of \Q$cheap.key\E: /;

($code, $out) = on_terminal([ $asks, "password\n" ], @publish, publish("$cheap.key"));
is $code, 0, 'asked on a terminal' or diag $out;
unlike $out, qr/password/, '... which does not show it';
verify('...', $cheap);

($code, $out) = on_terminal([ $asks, "no\x15passwo\x7f\x7fword\n" ], @publish,
    publish("$cheap.key"));
is $code, 0, '... erased and corrected' or diag $out;

($code, $out) = on_terminal([ $asks, "wrong\n" ], @publish, publish("$cheap.key"));
is $code, 1, '... a wrong one: exit 1';
like $out, qr/is wrong/, '... and why';

($code, $out) = on_terminal([ $asks, "pass\x03" ], @publish, publish("$cheap.key"));
is $code, 1, '... interrupted: exit 1';
like $out, qr/no password was given/, '... and why';

# rekey needs the new key twice, and asks once.
$d->must('rekey', 'app1', '--key', $d->{key});
($code, $out) = on_terminal([ $asks, "password\n" ], @publish, 'rekey', 'app1', '--key',
    "$cheap.key");
is $code, 0, 'rekey asks once' or diag $out;

# --- keygen --password

($code, $out, $err) = with_file("$dir/empty", 'keygen', "$dir/e", '--password');
is $code, 1, 'keygen with an empty password: exit 1';
ok !-e "$dir/e.pub" && !-e "$dir/e.key", '... and nothing is made';

my @new = (qr/New password of \Q$dir\E\/t\.key: /, "one two\n", qr/Once more, of .*: /);
($code, $out) = on_terminal([ @new, "one  two\n" ], 'keygen', "$dir/t", '--password');
is $code, 1, 'keygen: the two passwords differ';
like $out, qr/the two passwords differ/, '... and it says so';
ok !-e "$dir/t.key", '... and makes nothing';

($code, $out) = on_terminal([ @new, "one two\n" ], 'keygen', "$dir/t", '--password');
is $code, 0, 'keygen --password' or diag $out;
unlike $out, qr/one two/, '... shows it nowhere';
is sprintf('%o', (stat "$dir/t.key")[2] & 07777), '600', '... 0600';
$d->put('t.pw', "one two\n");
is system("minisign -S -s $dir/t.key -m $dir/right < $dir/t.pw > /dev/null"), 0,
    'minisign signs with it';
is system("minisign -V -q -p $dir/t.pub -m $dir/right"), 0, '... as the public key says';

# --- minisign's own

$d->put('twice', "of minisign\nof minisign\n");
is system("minisign -G -s $dir/m.key -p $dir/m.pub < $dir/twice > /dev/null"), 0,
    'minisign makes a key';
($code, $out, $err) = with_file("$dir/twice", publish("$dir/m.key"));
is "$code:$err", '0:', '... and mdsctl signs with it';
verify('...', "$dir/m");

done_testing;
