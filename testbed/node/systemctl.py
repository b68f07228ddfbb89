#!/usr/bin/python3 -IS
"""systemctl of a node: hands its arguments to PID 1 and prints the answer.

Standard library only and hardly any of it: its run time is inside the window that a lab measures.
"""

import socket
import sys

SOCKET = "/run/systemd/private"


def main(argv: list[str]) -> int:
    """Ask PID 1; give systemctl's exit code."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(SOCKET)
        except OSError as error:
            print(
                "System has not been booted with systemd as init system (PID 1). Can't operate.\n"
                f"Failed to connect to bus: {error.strerror}",
                file=sys.stderr,
            )
            return 1
        connection.sendall("\0".join(argv).encode())
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            head = stream.readline().split()
            if len(head) != 2:  # the node is shutting down
                print("Failed to get reply: Connection reset by peer", file=sys.stderr)
                return 1
            out = stream.read(int(head[1]))
            err = stream.read()
    sys.stdout.buffer.write(out)
    sys.stdout.flush()
    sys.stderr.buffer.write(err)
    return int(head[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
