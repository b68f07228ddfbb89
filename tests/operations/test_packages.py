"""What a package transaction leaves, whatever its package manager says: run here with stand-ins."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations import packages
from operations.daos.node import Node
from operations.daos.releases import Version
from operations.machinery import packaging
from operations.rules.view import View

TARGET = Version(2, 0, 3)
NAMES = ("daos", "daos-client", "daos-server")
# rpm of a node with these packages, each "NAME VERSION"; what it shall erase, it only notes.
_RPM = """\
#!/bin/sh
case $1 in
    -q) while read -r name version; do
            case " $* " in *" $name "*) ;; *) continue ;; esac
            case $3 in has*) echo "has $name $version $name-$version-1.x86_64" ;;
            *) echo "$name-$version-1.x86_64 $version" ;; esac
        done < {folder}/installed
        echo 'package daos-firmware is not installed' ;;
    -e) shift; echo "$@" >> {folder}/erased ;;
esac
"""


def _transaction(folder: Path, installed: dict[str, tuple[str, ...]], code: int = 0) -> str:
    """What is erased where a package manager installs nothing and exits with `code`."""
    (folder / "rpm").write_text(_RPM.format(folder=folder))
    (folder / "dnf").write_text(f"#!/bin/sh\necho Nothing to do.\nexit {code}\n")
    for name in ("rpm", "dnf"):
        (folder / name).chmod(0o755)
    lines = [f"{name} {version}\n" for name, found in installed.items() for version in found]
    (folder / "installed").write_text("".join(lines))
    (folder / "erased").write_text("")
    node = Node(
        "s1", "rhel 8.5", packages={name: (f"{v}-1",) for name, (v, *_) in installed.items()}
    )
    current: Any = SimpleNamespace(start=View({"servers": ("s1",), "admins": (), "clients": ()}))
    line = packages._transaction(current, "dnf -y install", "s1", node, TARGET)
    path = {"PATH": f"{folder}:/usr/bin:/bin"}
    line = line.replace(packages._LOG, str(folder / "log"))
    done = subprocess.run(["sh", "-c", line], env=path, check=False, capture_output=True)
    assert (done.returncode == 0) == (code == 0), done
    return (folder / "erased").read_text()


def test_nothing_is_erased_where_the_package_manager_has_installed_nothing(tmp_path: Path) -> None:
    assert _transaction(tmp_path, dict.fromkeys(NAMES, ("2.0.1",))) == ""


def test_of_a_transaction_that_was_cut_short_the_old_half_alone_is_erased(tmp_path: Path) -> None:
    half = {"daos": ("2.0.1", "2.0.3"), "daos-client": ("2.0.1",), "daos-server": ("2.0.3",)}
    assert _transaction(tmp_path, half) == "daos-2.0.1-1.x86_64\n"


def test_nothing_is_erased_after_a_transaction_that_failed(tmp_path: Path) -> None:
    assert _transaction(tmp_path, {"daos": ("2.0.1", "2.0.3")}, code=1) == ""


@pytest.mark.parametrize(
    ("has", "words"),
    [
        (dict.fromkeys(NAMES, ("2.0.3-1",)), []),
        ({"daos": ("2.0.3-1",), "daos-client": ("2.0.3-1",)}, ["daos-server is missing"]),
        (
            {**dict.fromkeys(NAMES, ("2.0.3-1",)), "daos": ("2.0.1-1", "2.0.3-1")},
            ["daos is 2.0.1-1 and 2.0.3-1"],
        ),
        (
            {**dict.fromkeys(NAMES, ("2.0.3-1",)), "daos-tests": ("2.0.30-1",)},
            ["daos-tests is 2.0.30-1"],
        ),
    ],
)
def test_what_is_installed_is_compared_package_by_package(
    has: dict[str, tuple[str, ...]], words: list[str]
) -> None:
    assert packaging.others(Node("s1", "rhel 8.5", packages=has), NAMES, TARGET) == words


@given(
    st.dictionaries(
        st.sampled_from((*NAMES, "daos-tests")),
        st.lists(
            st.sampled_from(("2.0.1-1", "2.0.3-1", "2.0.3-5", "2.0.30-1")), min_size=1, max_size=2
        ).map(tuple),
    )
)
def test_all_is_well_only_where_each_package_is_there_once_and_at_the_target(
    has: dict[str, tuple[str, ...]],
) -> None:
    others = packaging.others(Node("s1", "rhel 8.5", packages=has), NAMES, TARGET)
    well = set(NAMES) <= set(has) and all(
        len(evrs) == 1 and evrs[0].startswith("2.0.3-") for evrs in has.values()
    )
    assert (not others) == well
