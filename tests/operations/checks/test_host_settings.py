"""What a release wants of the servers that it starts on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from operations.checks import host_settings
from operations.daos.releases import Version, refuses_transparent_pages

ROOT = Path(__file__).parents[3]

# An update of a simulated cluster, one server of which has them on, while the file of the other one
# is elsewhere: what stands in the way?
_TYPED = """\
import sys
from pathlib import Path
from testbed.exploration.cases import Case, Host
from testbed.exploration.play import Playing, Site

roles = {"s1": ("servers",), "s2": ("servers",), "a1": ("admins", "clients")}
hosts = tuple(Host(name, has, "el88", version="2.6.3") for name, has in roles.items())
site = Site(Path.cwd())
playing = Playing(Case(hosts, sys.argv[1]), site)
path = "/sys/kernel/mm/transparent_hugepage/enabled"
playing.cluster.nodes["s2"].files.write(path, "[always] madvise never\\n")
playing.cluster.nodes["s1"].files.remove("/etc/daos/daos_server.yml")
playing.type()
print([(it["code"], it["hosts"]) for it in site.report()["refusals"]])
"""


@pytest.mark.parametrize(
    ("target", "refused"), [("2.6.5", "[('huge-pages', ['s2'])]"), ("2.6.4", "[]")]
)
def test_a_fix_level_that_would_not_start_is_refused_before_the_window(
    target: str, refused: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TYPED, target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == refused


@pytest.mark.parametrize(
    ("version", "refuses"),
    [("2.0.3", False), ("2.6.4", False), ("2.6.5", True), ("2.6.5-4", True), ("2.8.0", True)],
)
def test_it_came_with_a_fix_level(version: str, refuses: bool) -> None:
    assert refuses_transparent_pages(Version.parse(version)) is refuses


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("always madvise [never]\nname: daos\n", None),
        ("[never]\n", None),  # of a kernel that has none
        ("[always] madvise never\nname: daos\n", "says '[always] madvise never'"),
        ("always [madvise] never\nallow_thp: false\n", "says 'always [madvise] never'"),
        ("always [madvise] never\nallow_thp: true\n", None),
        ("[always] madvise never\ndisable_hugepages: true\n", None),
        ("[always] madvise never\n# allow_thp: true\n", "transparent_hugepage=never"),
        ("[always] madvise never\nname: [\n", "cannot be read"),
        ("", "says ''"),
    ],
)
def test_what_a_server_says(said: str, part: str | None) -> None:
    found = host_settings.in_the_way(said)
    assert (found is None) if part is None else part in (found or "")
