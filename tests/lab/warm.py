"""The process that has pyinfra and operations/ imported and forks for each command, see typed.py.

`python warm.py DESCRIPTOR`: a request on this socket is JSON; with it come the files that are to be
the command's input and output, and a line for the answers: its process ID, then its exit code.
"""

from __future__ import annotations

import array
import gc
import json
import os
import signal
import socket
import sys
from _socket import socket as PlainSocket  # gevent's would wait in an event loop of its own
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

from daos_pyinfra import main as pyinfra
from gevent import monkey

_WORDS = 1 << 20  # bytes that a request may have
_ROOT = Path(__file__).parents[2]
_close, _fork, _waitpid = monkey.get_original("os", ["close", "fork", "waitpid"])


def serve(requests: PlainSocket) -> None:
    """Fork for each request, until nobody can ask any more; returns in the process of a command."""
    while True:
        words, files = _receive(requests)
        if not words:
            sys.exit()
        if _fork() == 0:
            requests.close()
            attend(json.loads(words), *files)
            return
        for file in files:
            _close(file)


def _receive(requests: PlainSocket) -> tuple[bytes, array.array[int]]:
    files = array.array("i")
    words, more, _, _ = requests.recvmsg(_WORDS, socket.CMSG_LEN(3 * files.itemsize))
    for _, _, content in more:
        files.frombytes(content)
    return words, files


def attend(request: dict[str, Any], line: int, answers: int, shown: int) -> None:
    """Fork the process of a command, where this returns, and tell how it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = _fork()
    if pid == 0:
        become(request, answers, shown)
        os.write(line, f"{os.getpid()}\n".encode())
        _close(line)
        return
    for file in (answers, shown):
        _close(file)
    _, status = _waitpid(pid, 0)
    os.write(line, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def become(request: dict[str, Any], answers: int, shown: int) -> None:
    """Be as a process that has just begun with this command."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for file, name in ((answers, 0), (shown, 1), (shown, 2)):
        os.dup2(file, name)
    _close(answers)
    _close(shown)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[:] = request["argv"]


if __name__ == "__main__":
    sys.path[0] = str(_ROOT)
    for module in walk_packages([str(_ROOT / "operations")], "operations."):
        if ".remote" not in module.name:  # that runs on clients
            import_module(module.name)
    sys.path[0] = os.path.dirname(sys.executable)  # noqa: PTH120 - as for the command itself
    gc.freeze()  # no command has to look through what is imported
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    serve(PlainSocket(fileno=int(sys.argv[1])))
    sys.exit(pyinfra())
