"""PID 1 of a node: boots it, serves systemctl, collects orphans, shuts the node down.

`docker restart` is a reboot: /run is emptied, enabled units start and what they pull in, others do
not.
"""

import asyncio
import os
import shutil
import signal
import socket
import struct
import sys
import traceback
from pathlib import Path

from .control import Answer, execute
from .manager import Manager
from .processes import Reaper
from .unitfiles import UnitFiles

FUSE = Path("/dev/fuse")
SOCKET = Path("/run/systemd/private")
MOUNTS = Path("/proc/self/mountinfo")
_POWER_OFF = (signal.SIGTERM, signal.SIGINT, signal.SIGRTMIN + 3)  # what systemd ends by


def empty_run(run: Path = Path("/run")) -> None:
    """Clear /run as a boot does; what the engine mounted there stays."""
    mounts = [Path(line.split()[4]) for line in MOUNTS.read_text().splitlines()]
    for path in run.iterdir():
        if any(mount.is_relative_to(path) for mount in mounts):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    (run / "lock").mkdir(mode=0o1777, exist_ok=True)


async def _serve(
    manager: Manager, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer one call of systemctl: arguments with NUL between them in, code and texts out."""
    try:
        argv = [word.decode() for word in (await reader.read()).split(b"\0") if word]
        answer = await execute(manager, argv, _uid(writer))
    except Exception:  # PID 1 must not end; whoever asked is told
        answer = Answer(err=traceback.format_exc(), code=1)
    out = answer.out.encode()
    writer.write(f"{answer.code} {len(out)}\n".encode() + out + answer.err.encode())
    try:
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    except OSError:  # it does not wait for the answer
        pass


def _uid(writer: asyncio.StreamWriter) -> int:
    peer: socket.socket = writer.get_extra_info("socket")
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", credentials)[1]
    return uid


async def run() -> None:
    """Be the node's service manager until it is told to shut down."""
    os.umask(0o022)
    empty_run()
    if FUSE.exists():
        FUSE.chmod(0o666)  # udev does that on a real node
    loop = asyncio.get_running_loop()
    reaper = Reaper()
    reaper.install(loop)
    off = asyncio.Event()
    for number in _POWER_OFF:
        loop.add_signal_handler(number, off.set)
    manager = Manager(UnitFiles(), reaper)
    SOCKET.parent.mkdir(parents=True, exist_ok=True)
    server = await asyncio.start_unix_server(lambda r, w: _serve(manager, r, w), SOCKET)
    SOCKET.chmod(0o666)
    boot = asyncio.create_task(manager.boot())
    await off.wait()
    boot.cancel()
    server.close()
    await manager.shut_down()


def main() -> int:
    """Run as PID 1; as any other process this refuses, since it empties /run."""
    if os.getpid() != 1:
        print(
            "This is the service manager of a lab's node; it runs as PID 1 only.", file=sys.stderr
        )
        return 1
    asyncio.run(run())
    return 0
