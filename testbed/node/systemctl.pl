#!/usr/bin/perl
# systemctl of a node: hands its arguments to PID 1 and prints the answer.
#
# In Perl, without a module: the update calls it on every node before every step, and its run time
# is inside the window that a lab measures. Python takes ten times as long to start.
use strict;

my ($UNIX, $STREAM, $WRITING) = (1, 1, 1);    # as <sys/socket.h> of Linux has them

sub fail {
    print STDERR @_, "\n";
    exit 1;
}

socket(my $manager, $UNIX, $STREAM, 0) or fail("Failed to connect to bus: $!");
connect($manager, pack('S a108', $UNIX, '/run/systemd/private'))
    or fail("System has not been booted with systemd as init system (PID 1). Can't operate.\n",
            "Failed to connect to bus: $!");
$SIG{PIPE} = 'IGNORE';                        # the answer tells, or its absence
syswrite($manager, join("\0", @ARGV));
shutdown($manager, $WRITING);

my ($code, $size) = split(' ', readline($manager) // '');
defined $size or fail('Failed to get reply: Connection reset by peer');    # it is shutting down
read($manager, my $out, $size);
$| = 1;
print $out;
print STDERR readline($manager);
exit $code;
