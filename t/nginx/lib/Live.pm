package Live;

# A catalog that changes while a client asks for all that it can be asked for:
# what each answer of a serial has to be is known, since the changes are.
#
#   my $live = Live->new($t);         # depot, first catalog
#   $t->start($live->config);
#   $live->watch;                     # the client starts
#   while (...) { $live->change; ... $live->kill_worker ... }
#   $live->judge('over reloads');     # it ends; tests of what it heard
#
# ballast_bytes => ...: of another app, which make a generation that large.
# $live->{seconds}: how long the test shall go on.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(sleep time);

use StatusWatch;

my $JSON   = JSON::PP->new->utf8->canonical;
my $WINDOW = 30;    # places in the window, for thrice as many devices
my $BASE   = '/mds/v1';
my $ABOVE  = '1000000';    # no release is: a message to it can hit

sub new {
    my ($class, $t, %self) = @_;

    my $self = bless { t => $t, serial => 0, steps => 0, expected => {},
        seconds => $ENV{MDS_SOAK} // 4, %self }, $class;

    $t->depot;
    $t->write('big', join '', map { pack 'L', $_ * 2654435761 % 2**32 }
        1 .. 150_000);
    $t->write('0', 'the first');
    $t->write("only-$_", "$_\n") for qw(odd even);
    $t->write('users', "user\n");
    $self->{big} = sha256_hex($t->read('big'));
    $self->{is} = { list => '', messages => '' };
    $self->ballast if $self->{ballast_bytes};
    $self->apply;
    $self->list('odd');
    $self->{now} = sha256_hex($t->read('0'));

    return $self;
}

sub config {
    return <<"END";
mds_depot %DEPOT%;
keepalive_requests 100000;
server {
    listen %LISTEN%;
    location = $BASE/check    { mds_check; }
    location = $BASE/config   { mds_config; }
    location = $BASE/messages { mds_messages; }
    location   $BASE/files/   { mds_files; }
}
END
}

# --- changes; each notes what its serial has to say

sub done {
    my ($self, %is) = @_;
    $self->{is} = { %{ $self->{is} }, %is };
    $self->{expected}{ ++$self->{serial} } = { %{ $self->{is} } };
}

# Whether the command has changed the catalog. A test that kills puts code of
# its own in the place of what runs it.
sub does {
    my ($self, @command) = @_;
    return $self->{runs}->(@command) if $self->{runs};
    $self->{t}->mdsctl(@command);
    return 1;
}

sub apply {
    my ($self) = @_;
    my $t     = $self->{t};
    my $next  = $self->{serial} + 1;
    my $until = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 86400));
    my @on    = (kind => 'bundle', version => '1');
    my @up    = (kind => 'upgrade', platform => 'p');
    my $all   = { all => JSON::PP::true };

    $t->write($next, "package of $next");
    my $document = $t->document({
        app      => 'a',
        lists    => { l => { external => JSON::PP::true },
                      none => { ids => ['nobody'] } },
        packages => [
            { @up, version => '0', file => '0' },
            { @up, version => "$next", file => "$next" },
            { @up, version => $ABOVE, file => '0', deltas => 0 },
            (map { { @on, name => $_, file => 'big' } }
                qw(list promoted window)),
        ],
        releases => [
            { id => 'base', @up, version => '0', audience => $all },
            { id => 'r', @up, version => "$next", audience => $all },
            { id => 'list', name => 'list', @on,
              audience => { lists => ['l'] } },
            { id => 'promoted', name => 'promoted', @on,
              audience => { lists => ['none'] } },
            { id => 'window', name => 'window', @on,
              audience => { window => { count => $WINDOW, until => $until } } },
            { id => 'stamp', kind => 'config', name => 'stamp',
              value => $next, audience => $all },
            { id => "key$next", kind => 'config', name => 'k' . $next % 3,
              value => 'on', audience => $all },
        ],
    });
    $self->does('apply', '--force', $document) and $self->done(version => $next, paused => 0, promoted => 0,
        values => 'k' . $next % 3 . "=on stamp=$next");
}

# So much that a worker does not prove a generation on the spot.
sub ballast {
    my ($self) = @_;
    my $each = 20_000;

    $self->{t}->mdsctl('apply', $self->{t}->document({ app => 'ballast', releases => [
        map { { id => "b$_", kind => 'config', name => "b$_",
            value => $_ x ($each / length $_),
            audience => { all => JSON::PP::true } } }
            1 .. $self->{ballast_bytes} / $each
    ] }));
    $self->{serial}++;
}

sub list {
    my ($self, $who) = @_;
    $self->does(qw(list import a l), "$self->{t}{dir}/only-$who")
        and $self->done(list => $who);
}

sub push_message {
    my ($self) = @_;
    $self->does(qw(message push a --users), "$self->{t}{dir}/users",
        '--to', "p=$ABOVE", qw(--until 2090-01-01T00:00:00Z))
        and $self->done(messages => join ' ', grep { length }
            $self->{is}{messages}, ++$self->{pushed});
}

# One that has been done already is none.
sub step {
    my ($self, $command, $key, $value, @more) = @_;
    return if $self->{is}{$key} == $value;
    $self->does($command, 'a', @more) and $self->done($key => $value);
}

# Takes back the last change.
sub revert {
    my ($self) = @_;
    my $before = $self->{expected}{ $self->{serial} - 1 };
    $self->does('revert', $self->{serial}) and $self->done(%$before);
}

sub seen {
    my ($self) = @_;
    my ($serial) = grep { defined } map { $self->{t}
        ->get("$BASE/check?app=a&kind=none")->header('MDS-Serial') } 1, 2;
    return $serial // 'none';
}

# The next change, each kind in its turn. The next request sees it; where a
# proof takes its time, a later one.
sub change {
    my ($self) = @_;

    $self->turn;
    my $seen = $self->seen;
    $self->{t}->wait_for(sub { ($seen = $self->seen) eq $self->{serial} })
        if $self->{ballast_bytes};
    push @{ $self->{unseen} }, "$self->{serial}, but $seen"
        if $seen ne $self->{serial};
}

sub turn {
    my ($self) = @_;
    my $is   = $self->{is};
    my $turn = $self->{turns}++ % 9;

    $turn == 0   ? $self->apply
    : $turn == 1 ? $self->list($is->{list} eq 'odd' ? 'even' : 'odd')
    : $turn == 2 ? $self->step('pause', 'paused', 1, 'r')
    : $turn == 3 ? $self->step('promote', 'promoted', 1, 'promoted', '--all')
    : $turn == 4 ? $self->revert
    : $turn == 5 ? $self->step('resume', 'paused', 0, 'r')
    : $turn == 6 ? $self->push_message
    : $turn == 7 ? $self->does('gc')
    :              $self->does('snapshot', "$self->{t}{dir}/snapshot");
}

# --- the client's questions

sub get { "GET $BASE/$_[0] HTTP/1.1\r\nHost: a\r\n\r\n" }

sub post {
    my ($path, $value) = @_;
    my $body = $JSON->encode($value);
    return "POST $BASE/$path HTTP/1.1\r\nHost: a\r\nContent-Type:"
        . " application/json\r\nContent-Length: " . length($body)
        . "\r\n\r\n$body";
}

sub no_answer { die 'status ' . $_[0]->status . ': ' . $_[0]->body . "\n" }

# What a manifest comes to.
sub told {
    my ($r) = @_;
    return 'none' if $r->status eq '204';
    no_answer($r) if $r->status ne '200';
    my $m = $r->json // no_answer($r);
    die "of $m->{serial}, says " . $r->header('MDS-Serial') . "\n"
        if $m->{serial} > $r->header('MDS-Serial');
    return "$m->{action} $m->{version}";
}

sub check_question {
    my ($name, $query) = @_;
    return { name => $name, hear => \&told,
        bytes => sub { get("check?app=a&$query") } };
}

# Its file is what the file question asks for.
sub upgrade_question {
    my ($self) = @_;
    return { %{ check_question('upgrade', 'kind=upgrade&platform=p&version=0') },
        hear => sub {
            my ($r) = @_;
            my $told = told($r);
            $self->{now} = $r->json->{full}{sha256} if $told ne 'none';
            return $told;
        } };
}

sub batch_question {
    my ($halves) = @_;
    my $bytes = post('check', { app => 'a', user => 'odd', platform => 'p',
        resources => [ { kind => 'upgrade', version => '0' },
            { kind => 'bundle', name => 'list' }, { kind => 'none' },
            { kind => 'bundle', name => 'promoted' } ] });

    return { name => 'batch', halves => $halves, bytes => sub { $bytes },
        hear => sub {
            my ($r) = @_;
            my $said = $r->json // no_answer($r);
            my $results = $said->{results} // no_answer($r);
            die "two serials\n" if $said->{serial} ne $r->header('MDS-Serial');
            return join ', ', map {
                my $m = $_->{manifest} && $JSON->decode($_->{manifest});
                $_->{action} . ($m ? " $m->{version}" : '')
            } @$results;
        } };
}

# Mostly with the token of an answer before, and what was known with it.
sub config_question {
    my %known;
    return { name => 'config',
        bytes => sub {
            my ($memo) = @_;
            %$memo = (values => {}, rand > 0.1 ? %known : ());
            return get('config?app=a&device=d'
                . ($memo->{state} ? "&state=$memo->{state}" : ''));
        },
        hear => sub {
            my ($r, $memo) = @_;
            my %values = %{ $memo->{values} };
            if ($r->status ne '204') {
                my $said = $r->json // no_answer($r);
                %values = () if $said->{full};
                delete @values{ @{ $said->{removed} // [] } };
                %values = (%values, %{ $said->{values} // no_answer($r) });
                %known = (state => $said->{state}, values => {%values});
            }
            return join ' ', map { "$_=$values{$_}" } sort keys %values;
        } };
}

# Once in, always in, and never too many.
sub window_question {
    my %in;
    return { name => 'window',
        bytes => sub {
            my ($memo) = @_;
            my $device = int rand 3 * $WINDOW;
            %$memo = (device => $device, in => $in{$device});
            return get("check?app=a&kind=bundle&name=window&device=d$device");
        },
        hear => sub {
            my ($r, $memo) = @_;
            if (told($r) ne 'none') {
                $in{ $memo->{device} } = 1;
                die "one too many\n" if keys %in > $WINDOW;
            } elsif ($memo->{in}) {
                die "d$memo->{device} was in, and is out\n";
            }
            return undef;
        } };
}

sub messages_question {
    return { name => 'messages',
        bytes => sub { get('messages?app=a&user=user&n=1000') },
        hear  => sub {
            my ($r) = @_;
            my $said = $r->json // no_answer($r);
            return join ' ', map { $_->{id} }
                @{ $said->{messages} // no_answer($r) };
        } };
}

# By users of their own. Before there is a first message, that is 400.
sub mark_question {
    return { name => 'mark',
        bytes => sub { post('messages', { app => 'a', read => [1],
            user => 'marks-' . int rand 50 }) },
        hear => sub {
            my ($r) = @_;
            no_answer($r) if $r->status !~ /^(?:204|400)$/;
            return undef;
        } };
}

sub file_question {
    my ($self, $name, $sha256) = @_;
    return { name => $name, slow => $name eq 'slow',
        bytes => sub {
            my ($memo) = @_;
            $memo->{path} = 'files/' . ($sha256 // $self->{now});
            return get($memo->{path});
        },
        hear => sub {
            my ($r, $memo) = @_;
            die "$memo->{path}: status " . $r->status . "\n"
                if $r->status ne '200';
            die "$memo->{path}: other bytes\n"
                if 'files/' . sha256_hex($r->body) ne $memo->{path};
            return undef;
        } };
}

sub questions {
    my ($self) = @_;
    my @many = ($self->upgrade_question, batch_question(), config_question(),
        window_question(), messages_question(), mark_question(),
        check_question('odd', 'kind=bundle&name=list&user=odd'),
        check_question('even', 'kind=bundle&name=list&user=even'),
        check_question('promoted', 'kind=bundle&name=promoted'),
        $self->file_question('file'));
    return (@many, @many, batch_question('in halves'),
        $self->file_question('slow', $self->{big}), @many);
}

sub watch {
    my ($self, %more) = @_;
    $self->{watch} = StatusWatch->new(port => $self->{t}->port,
        questions => [ $self->questions ], %more);
}

sub kill_worker {
    my ($self) = @_;
    my @workers = $self->{t}->workers or return;
    $self->{watch}->kills(sub { kill 'KILL', $workers[ rand @workers ] });
}

# --- what was heard

sub expected {
    my ($is, $name) = @_;
    my $upgrade  = $is->{paused} ? 'none' : "install $is->{version}";
    my ($odd, $even)
        = map { $is->{list} eq $_ ? 'install 1' : 'none' } qw(odd even);
    my $promoted = $is->{promoted}      ? 'install 1' : 'none';

    return {
        upgrade  => $upgrade,
        odd      => $odd,
        even     => $even,
        promoted => $promoted,
        batch    => "$upgrade, $odd, none, $promoted",
        config   => $is->{values},
        messages => $is->{messages},
    }->{$name};
}

sub few { join "\n", grep { defined } @_[0 .. 4] }

sub judge {
    my ($self, $when) = @_;
    my $heard = (delete $self->{watch})->ended;
    my (@wrong, %serials);

    for my $name (sort keys %{ $heard->{answers} }) {
        my $answers = $heard->{answers}{$name};
        for my $serial (keys %$answers) {
            my $is   = $self->{expected}{$serial};
            my $want = $is ? expected($is, $name) : 'no such serial';
            push @wrong, "$name of $serial: $_, not $want"
                for grep { $_ ne $want } keys %{ $answers->{$serial} };
            $serials{$serial} = 1;
        }
    }

    is(few(@wrong), '', "$when: each answer is what its serial says");
    is(few(@{ $heard->{wrong} }), '', '... none is another, or cut off');
    is(few(@{ $heard->{back} }), '', '... no serial goes back');
    is($heard->{failed}, 0, '... with one retry none fails');
    is(few(@{ $self->{unseen} // [] }), '', '... changes are seen');
    note("$when: $heard->{asked} asked, $heard->{lost} lost,"
        . " $heard->{excused} of them twice by kills, "
        . scalar(keys %serials) . " serials of $self->{serial} heard");
    return { %$heard, serials => scalar keys %serials };
}

1;
