"""Who keeps the lock, and who else holds one: by what servers are, whatever they are called."""

from __future__ import annotations

import subprocess
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from operations import lock
from operations.rules.view import View

from .fake_nodes import SERVING

HOSTNAMES = st.sets(st.text("abc-01", min_size=1, max_size=4), min_size=1, max_size=5)


def view(names: dict[str, str], locks: dict[str, str] | None = None) -> View:
    """Servers by their names in an inventory, each with its own hostname."""
    nodes = {
        name: replace(SERVING, hostname=hostname, lock=(locks or {}).get(name, ""))
        for name, hostname in names.items()
    }
    return View({"servers": tuple(nodes), "admins": (), "clients": ()}, dict(nodes))


@given(HOSTNAMES, st.randoms())
def test_all_inventories_have_the_same_keeper(hostnames: set[str], chance: st.DataObject) -> None:
    aliases = [f"alias-{n}" for n in range(len(hostnames))]
    chance.shuffle(aliases)  # type: ignore[attr-defined]
    names = dict(zip(aliases, sorted(hostnames), strict=True))
    assert names[lock.keeper(view(names))] == min(hostnames)


def test_a_lock_that_cannot_be_written_to_is_not_held_and_says_why() -> None:
    """As where /run is full."""
    line = lock._HOLD.format(who="me").replace(lock.LOCK, "/dev/full")
    done = subprocess.run(["sh", "-c", line], timeout=60, capture_output=True, check=False)
    assert done.returncode
    assert b"error" in done.stderr


def test_an_alias_is_no_other_server() -> None:
    assert lock.keeper(view({"daos-server-02": "s2", "zulu": "s1"})) == "zulu"


def test_a_lock_is_another_runs_unless_it_is_ones_own() -> None:
    names = {"n1": "s1", "n2": "s2", "n3": "s3"}
    held = view(names, {"n1": "ops on desk (process 7)", "n3": "ada on login (process 9)"})
    assert lock.holders(held, "ops on desk (process 7)") == {"n3": "ada on login (process 9)"}
    assert lock.holders(held).keys() == {"n1", "n3"}
