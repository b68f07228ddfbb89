"""All services of a node: boot, shutdown, and finding a service by its name."""

import asyncio
import contextlib
import fnmatch
import signal

from . import events, processes
from .processes import Reaper
from .service import JobError, Service
from .unit import unit_name
from .unitfiles import UnitFiles


class Manager:
    """The services of a node, by name."""

    def __init__(self, files: UnitFiles, reaper: Reaper) -> None:
        self.files = files
        self._reaper = reaper
        self._services: dict[str, Service] = {}

    def service(self, name: str) -> Service | None:
        """The service of that name with its unit file read anew; None where neither exists.

        A service that runs is known even when its unit file is gone.
        """
        full = unit_name(name)
        known = self._services.get(full)
        with contextlib.suppress(ValueError):
            unit = self.files.load(full)
            if unit and known:
                known.unit = unit
            elif unit:
                known = self._services[full] = Service(unit, self._reaper)
        if known and not known.main_pid and self.files.find(full) is None:
            del self._services[full]
            return None
        return known

    def matching(self, pattern: str) -> list[str]:
        """The names that a name or glob of a command line stands for."""
        if not any(sign in pattern for sign in "*?["):
            return [unit_name(pattern)]
        names = sorted({*self.files.names(), *self._services})
        return [name for name in names if fnmatch.fnmatch(name, pattern)]

    async def boot(self) -> None:
        """Start what is enabled and what that pulls in, all at once."""
        events.record("systemd", "boot")
        names = (name for name in self.files.at_boot() if name.endswith(".service"))
        await asyncio.gather(*(self._start_quietly(name) for name in names))

    async def shut_down(self) -> None:
        """Stop all services, then every process that is left."""
        events.record("systemd", "shutdown")
        await asyncio.gather(*(service.stop() for service in self._services.values()))
        rest = {process.pid for process in processes.table()} - {1}
        processes.send_signal(rest, signal.SIGTERM)

    async def _start_quietly(self, name: str) -> None:
        service = self.service(name)
        if service:
            with contextlib.suppress(JobError):
                await service.start()
