"""daos_server: runs the node's engines, and on access points a replica of the management service.

Commands: `daos_server start [-o FILE]`, `daos_server version`.
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from ..common import config, events, faults, notify, options, release
from . import engines
from .engines import Engine, Engines

_STATE = Path("control_raft/state.json")  # under the first engine's scm_mount


def main(argv: list[str]) -> int:
    """Returns the exit code: 0 after SIGTERM, 1 where it could not start."""
    if "version" in argv[:1]:
        print(f"daos_server version {release.installed()}")
        return 0
    path = options.config_file(argv, config.SERVER)
    try:
        return Server(config.server(path, release.installed())).run()
    except (config.BadConfig, OSError) as error:
        print(f"ERROR: daos_server: {error}", flush=True)
        return 1


def _signals() -> socket.socket:
    """A socket that a byte can be read from after SIGTERM or SIGINT.

    Unlike a lock that a handler releases, it ends the waiting whichever thread got the signal.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reader


class Server:
    """One daos_server process."""

    def __init__(self, settings: config.ServerConfig) -> None:
        self._settings = settings
        self._ip = engines.own_address()
        self._address = f"{self._ip}:{settings.port}"
        self._engines = Engines(
            [Engine(entry, settings.provider, self._ip, self) for entry in settings.engines],
            self._address,
        )
        self._signals = _signals()

    def run(self) -> int:
        """Serve until SIGTERM."""
        if release.is_1_0(release.installed()):
            # It is root. Later ones are not, and format what it leaves by a privileged helper,
            # which the lab has not.
            os.umask(0)
        events.record("daos_server", "start", version=release.installed())
        self.log("INFO", f"DAOS Control Server v{release.installed()} (pid {os.getpid()})")
        from .control import Control  # gRPC takes 70 ms

        self._control = Control(self._settings, self._address, self._engines, self.log)
        time.sleep(faults.planted().get("listen_delay", 0))
        self._control.serve(self._state_file())
        self.log("INFO", f"listening on {self._address}")
        notify.ready()
        # Not before: `start` in src/control/server/server.go of v2.0.3.
        self._engines.start_formatted()
        for engine in self._engines:
            if not engine.formatted():
                self.log("INFO", f"{engine.name}: waiting for the storage to be formatted")
        self._signals.recv(1)
        self._engines.stop_all()
        events.record("daos_server", "stop", version=release.installed())
        self.log("INFO", "shutting down")
        sys.stdout.flush()
        os._exit(0)  # gRPC's threads would keep it for a while

    def _state_file(self) -> Path:
        """Where the replica's state is kept; a server without engines has only its own folder."""
        mounts = [entry.scm_mount for entry in self._settings.engines]
        return Path(*mounts[:1] or ["/var/lib/daos_server"]) / _STATE

    # What engines need

    def join(self, engine: dict[str, Any]) -> int:
        """Have the management service let an engine in. Raises Exception."""
        while not hasattr(self, "_control"):
            time.sleep(0.01)  # gRPC is still being loaded
        return self._control.join(engine)

    def relay(self, op: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Have the management service do something for an application."""
        return self._control.relay(op, arguments)

    def log(self, level: str, text: str) -> None:
        """Write to standard output (the journal) and to the control log."""
        stamp = time.strftime("%Y/%m/%d %H:%M:%S")
        line = f"{socket.gethostname()} {level} {stamp} daos_server: {text}"
        print(line, flush=True)
        if self._settings.control_log_file:
            try:
                with Path(self._settings.control_log_file).open("a") as file:
                    file.write(line + "\n")
            except OSError:
                return  # the journal has it
