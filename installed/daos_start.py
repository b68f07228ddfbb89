"""What pyinfra's libraries do at length when they are loaded, and nobody needs: a third of the time
that a command takes which finds nothing to do. It is imported before them."""

import sys
from functools import cache
from importlib import import_module, metadata
from types import ModuleType
from typing import Any

_entry_points: Any = cache(metadata.entry_points)


def _known(**only: str) -> Any:
    """gevent reads what all installed packages offer 25 times; it stays the same meanwhile."""
    return _entry_points().select(**only) if only else _entry_points()


class _WhenAskedFor(ModuleType):
    """A module that is loaded once something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


metadata.entry_points = _known  # type: ignore[assignment]
# paramiko has it for a `Match exec` in an ssh_config, and loads it before it has read any.
sys.modules.setdefault("invoke", _WhenAskedFor("invoke"))
