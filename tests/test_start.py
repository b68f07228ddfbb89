"""What is loaded in short is the same as at length; and it is still worth it."""

from __future__ import annotations

import subprocess
import sys

_COUNTED = """
import sys
from importlib import metadata
reads = []
class Spy:
    def find_spec(self, name, path=None, target=None):
        return None
    def find_distributions(self, context=None):
        reads.append(context)
        return ()
sys.meta_path.append(Spy())
"""


def _said(code: str) -> str:
    """What Python prints, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_is_read_in_vain() -> None:
    said = _said(f"{_COUNTED}import daos_pyinfra\nprint(len(reads), 'invoke.util' in sys.modules)")
    reads, loaded = said.split()
    assert int(reads) <= 3
    assert loaded == "False"


def test_pyinfra_s_libraries_still_need_it() -> None:
    """Where this fails, installed/daos_start.py has become needless, or a part of it."""
    said = _said(f"{_COUNTED}import pyinfra_cli\nprint(len(reads))")
    assert int(said) > 10
    assert _said("import sys, paramiko\nprint('invoke.util' in sys.modules)") == "True"


def test_what_is_asked_for_is_there() -> None:
    same = (
        "from importlib import metadata\n"
        "before = metadata.entry_points(group='pyinfra.connectors'), metadata.entry_points()\n"
        "import daos_start\n"
        "after = metadata.entry_points(group='pyinfra.connectors'), metadata.entry_points()\n"
        "assert before == after and before[0]\n"
    )
    _said(same)
    _said("import daos_start, invoke\nassert invoke.run('true', hide=True).ok\nimport invoke.util")
