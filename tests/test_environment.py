"""The Python environment: what is pinned, and that nothing else is taken."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)((?: +--hash=sha256:[0-9a-f]{64})*)$")


def pins(file: str = "constraints.txt") -> dict[str, tuple[str, int]]:
    """What such a file has of each package: its version, and how many hashes."""
    text = (HERE / file).read_text().replace("\\\n", " ")
    found = {}
    for line in filter(None, text.splitlines()):
        if not line.startswith("#"):
            match = _PIN.match(line)
            assert match, f"this is no pinned package with hashes: {line[:80]}"
            found[_plain(match[1])] = match[2], match[3].count("--hash")
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("file", ["constraints.txt", "bench/constraints.txt"])
def test_each_package_has_hashes_and_no_host_is_named(file: str) -> None:
    assert min(count for _, count in pins(file).values()) >= 1
    assert "://" not in (HERE / file).read_text()


def test_what_is_built_for_each_machine_has_the_hashes_of_all() -> None:
    """Wheels of this machine alone would be no more than a few."""
    assert min(pins()[name][1] for name in ("cffi", "gevent", "pydantic-core", "pyyaml")) > 20


def test_what_the_project_names_is_pinned_as_it_names_it() -> None:
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = [*project["dependencies"], *extras["lab"], *extras["dev"]]
    wanted = dict(word.split("==") for word in named if "==" in word)
    known = pins()
    assert {name: known[_plain(name)][0] for name in wanted} == wanted
    bench = dict(word.split("==") for word in extras["bench"])
    known = pins("bench/constraints.txt")
    assert {name: known[_plain(name)][0] for name in bench} == bench


def test_the_environment_is_made_of_nothing_else() -> None:
    rule = (HERE / "Makefile").read_text().partition("\n$(STAMP):")[2]
    installs = [line for line in rule.splitlines() if "$(PIP)" in line]
    assert len(installs) == 2
    assert "--require-hashes -r constraints.txt" in installs[0]
    assert "--only-binary :all:" in installs[0]  # what is built would bring what is not pinned
    assert "--no-deps --no-build-isolation" in installs[1]
