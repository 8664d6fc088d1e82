package Daemon;

# A MDS that runs as a daemon, from a binary and a module of its own, which can
# be replaced under it: nginx's upgrade on the fly needs both.

use strict;
use warnings;

use parent 'MDS';

use File::Copy qw(copy);
use Time::HiRes qw(sleep time);

sub new {
    my ($class, %options) = @_;

    my $self = $class->SUPER::new(daemon => 'on', %options);
    $self->{module} = "$self->{dir}/module.so";
    $self->install;

    # What the sanitizers need is handed on to the next binary.
    $self->{main} .= join '', map { "env $_;\n" } grep { defined $ENV{$_}
        || exists $self->environment->{$_} }
        qw(LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS);

    return $self;
}

# Other files under the names of binary and module.
sub install {
    my ($self) = @_;
    my %from = ("$self->{dir}/nginx" => $MDS::NGINX,
        $self->{module} => "$MDS::BUILD/ngx_http_mds_module.so");

    for my $to (keys %from) {
        copy($from{$to}, "$to.new") or die "$to: $!";
        chmod 0755, "$to.new";
        rename "$to.new", $to or die "$to: $!";
    }
}

sub spawn {
    my ($self) = @_;
    my $dir = $self->{dir};
    my ($status, $out, $err) = $self->run($self->environment, "$dir/nginx",
        '-p', $dir, '-e', "$dir/error.log", '-c', "$dir/nginx.conf");

    $self->write('stderr', $out . $err);
    $self->{failed} = $status;
}

sub wait_until_up {
    my ($self) = @_;
    return 0 if $self->{failed};
    return $self->wait_for(sub { $self->{pid} = $self->master })
        && $self->wait_for(sub { $self->connect });
}

sub master { return 0 + ($_[0]->read('nginx.pid') =~ s/\s//gr || 0) }

sub old_master {
    return 0 + ($_[0]->read('nginx.pid.oldbin') =~ s/\s//gr || 0);
}

sub workers_of {
    my ($self, $master) = @_;
    return $master && do { local $self->{pid} = $master; $self->workers };
}

# A master's workers include the next master, while that is its child.
sub workers {
    my ($self) = @_;
    my $next = $self->master;
    return grep { $_ != $next } $self->SUPER::workers;
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    for my $one (grep { $_ } $pid, $self->master, $self->old_master) {
        kill 'TERM', $one;
        $self->wait_for(sub { !kill 0, $one }) or kill 'KILL', $one;
    }
}

1;
