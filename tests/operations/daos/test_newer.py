"""How package managers list what is newer, as real ones print it, and what follows for a node."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.daos.package_managers import Dnf, PackageManager, Yum, Zypper
from operations.daos.window_file import Record
from operations.machinery import dependencies, packaging
from operations.machinery.dependencies import Dependency
from operations.machinery.settings import Settings
from operations.rules.view import View

from ..fake_cluster import SETTINGS
from ..fake_nodes import RECORD, at

DNF = """\

daos.x86_64                       2.0.4-1.el8                daos-offline-check
daos-server.x86_64                2.0.4-1.el8                daos-offline-check
libfabric.x86_64                  1:1.14.0~rc3-2.el8         daos-offline-check
spdk-tools.noarch                 21.07-11                   daos-offline-check
Obsoleting Packages
libpsm2.x86_64                    11.2.185-1.el8             daos-offline-check
    libpsm.x86_64                 11.1-1.el8                 @System
"""
# yum of CentOS 7 breaks a line that would be longer than a terminal.
YUM = """\
a-package-with-a-name-that-is-rather-long-for-one.x86_64
                                  1.2-3.el7      daos-offline-check
spdk-tools.noarch                 21.07-11       daos-offline-check
"""
ZYPPER = """\
Repository 'DAOS' is up to date.
<?xml version='1.0'?>
<stream>
<message type="info">Loading repository data...</message>
<update-status version="0.6">
<update-list>
<update kind="package" name="spdk-tools" edition="21.07-11" arch="noarch" edition-old="21.07-8">\
<summary>dependency</summary><source url="http://daos-repo/v2.0/Leap15" alias="daos"/></update>\
<update kind="package" name="$(reboot)" edition="1" arch="noarch" edition-old="0"></update>\
<update kind="patch" name="fix" edition="2" arch="noarch" edition-old="1"></update></update-list>
</update-status>
</stream>
"""
SPDK = ("spdk-tools", "21.07-11.noarch")


@pytest.mark.parametrize(
    ("manager", "output", "listed"),
    [
        (Dnf(), "", []),
        (
            Dnf(),
            DNF,
            [
                ("daos", "2.0.4-1.el8.x86_64"),
                ("daos-server", "2.0.4-1.el8.x86_64"),
                ("libfabric", "1:1.14.0~rc3-2.el8.x86_64"),
                SPDK,
            ],
        ),
        (Dnf(), "$(reboot).noarch  2  daos-offline-check\n", []),
        (
            Yum(),
            YUM,
            [("a-package-with-a-name-that-is-rather-long-for-one", "1.2-3.el7.x86_64"), SPDK],
        ),
        (Zypper(), ZYPPER, [SPDK]),
    ],
)
def test_what_the_repository_has_newer_is_read(
    manager: PackageManager, output: str, listed: list[tuple[str, str]]
) -> None:
    assert list(manager.listed(output)) == listed


def _run(*changes: Dependency, **settings: Any) -> Any:
    node = at("2.0.1", os="rhel 8.5")
    read, _ = Settings.read({**SETTINGS, **settings})
    return SimpleNamespace(
        settings=read,
        start=View({"servers": ("s1",), "admins": (), "clients": ()}, {"s1": node}),
        target=read.target,
        dependencies={"s1": changes},
    )


def test_daos_itself_is_no_dependency_of_its_own() -> None:
    run = _run()
    found = packaging.newer(run, "s1", run.start.node("s1"), DNF)
    assert [name for name, _ in found] == ["libfabric", "spdk-tools"]


CHANGE = Dependency("spdk-tools", "21.07-8.noarch", "21.07-11.noarch")


@pytest.mark.parametrize(
    ("manager", "package"),
    [
        (Yum(), "spdk-tools-21.07-11.noarch"),
        (Dnf(), "spdk-tools-21.07-11.noarch"),
        (Zypper(), "spdk-tools.noarch=21.07-11"),
    ],
)
def test_it_is_told_in_exactly_the_release_that_was_found(
    manager: PackageManager, package: str
) -> None:
    assert manager.exactly(CHANGE.name, CHANGE.after) == package


def test_it_is_in_the_transaction_to_the_target_and_in_no_other() -> None:
    run = _run(CHANGE)
    node = run.start.node("s1")
    line = "{packages}"
    assert packaging.line_for(run, line, "s1", node, run.target).endswith(
        "daos-2.0.3 daos-server-2.0.3 spdk-tools-21.07-11.noarch"
    )
    assert "spdk" not in packaging.line_for(run, line, "s1", node, node.version)


def test_where_it_cannot_be_had_it_is_said_how_to_do_without() -> None:
    message = packaging.not_had([CHANGE])
    assert "spdk-tools 21.07-8.noarch -> 21.07-11.noarch" in message
    assert "`update_dependencies = False` in group_data/all.py" in message


def test_what_is_there_already_or_not_at_all_does_not_change() -> None:
    has = [("spdk-tools", "21.07-8.noarch"), ("lib", "1-1.i686"), ("lib", "1-1.x86_64")]
    wanted = [SPDK, ("lib", "1-1.i686"), ("lib", "2-1.x86_64"), ("absent", "2-1.x86_64")]
    assert dependencies.changes(has, wanted) == (
        CHANGE,
        Dependency("lib", "1-1.x86_64", "2-1.x86_64"),
    )


def test_a_node_remembers_what_it_had_at_first() -> None:
    record = RECORD.replacing(["spdk-tools-21.07-8.noarch", "lib-1:1-1.x86_64"])
    record = record.replacing(["spdk-tools-21.07-9.noarch", "other-2-1.noarch"])
    assert Record.parse(record.text()) == record
    node = at("2.0.1", record=record)
    assert dependencies.remembered(node) == [
        ("spdk-tools", "21.07-8.noarch"),
        ("lib", "1:1-1.x86_64"),
        ("other", "2-1.noarch"),
    ]
    assert "rpm -e lib-1-1.x86_64;" in dependencies.tidied(node)
    assert dependencies.tidied(replace(node, record=None)) == ""


words = st.from_regex(r"[a-z][a-z0-9+_]{0,5}(-[a-z0-9]{1,4})?", fullmatch=True)
releases = st.from_regex(
    r"([1-9]:)?[0-9]{1,2}(\.[0-9]{1,2})?-[0-9]{1,2}\.(noarch|x86_64)", fullmatch=True
)


@given(st.dictionaries(words, st.tuples(releases, releases), max_size=5))
def test_after_the_way_forth_and_back_a_node_has_what_it_had(
    packages: dict[str, tuple[str, str]],
) -> None:
    had = [(name, before) for name, (before, _) in packages.items()]
    newer = [(name, after) for name, (_, after) in packages.items()]
    forth = dependencies.changes(had, newer)
    record = RECORD.replacing(f"{it.name}-{it.before}" for it in forth)
    back = dependencies.changes(newer, dependencies.remembered(at("2.0.3", record=record)))
    assert {it.name: it.after for it in back} == {it.name: it.before for it in forth}
    unchanged = {name for name, (before, after) in packages.items() if before == after}
    assert {it.name for it in forth} == set(packages) - unchanged
