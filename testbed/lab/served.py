"""On a machine of the lab: does the shell commands that shell.py sends, one after the other.

It is sent there as text, so it imports nothing of the lab's.
"""

import struct
import subprocess
import sys


def say(words: bytes) -> None:
    """Send it at once."""
    sys.stdout.buffer.write(words)
    sys.stdout.buffer.flush()


while size := sys.stdin.buffer.read(4):
    command = ["bash", "-c", sys.stdin.buffer.read(int.from_bytes(size))]
    say(b"!")  # it begins
    # In a session of its own, as whatever the engine starts.
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True, check=False
    )
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode
    say(struct.pack(">3I", code, len(done.stdout), len(done.stderr)) + done.stdout + done.stderr)
