"""An engine's storage: which engine may run on it, and the objects on it."""

from pathlib import Path

import pytest

from testbed.sim.common import release
from testbed.sim.engine import storage


@pytest.fixture
def mount(tmp_path: Path) -> str:
    return str(tmp_path / "daos0")


@pytest.mark.parametrize(
    ("formatted_by", "engine", "problem"),
    [
        ("2.0.1", "2.0.1", ""),
        ("2.0.1", "2.0.3", ""),
        ("2.0.3", "2.2.0", ""),
        ("2.0.3", "2.0.1", r"was used by engine 2\.0\.3, this one is 2\.0\.1"),
        ("1.2.0", "2.0.3", "layout version 1 .* not compatible with engine 2.0.3"),
        ("2.0.3", "1.2.0", "layout version 2 .* not compatible with engine 1.2.0"),
    ],
)
def test_which_engine_may_run(mount: str, formatted_by: str, engine: str, problem: str) -> None:
    storage.format_mount(mount, formatted_by)
    if problem:
        with pytest.raises(storage.Unusable, match=problem):
            storage.open_mount(mount, engine)
    else:
        assert storage.open_mount(mount, engine)["version"] == engine


def test_the_highest_version_is_remembered(mount: str) -> None:
    storage.format_mount(mount, "2.0.1")
    storage.open_mount(mount, "2.0.3")
    with pytest.raises(storage.Unusable):
        storage.open_mount(mount, "2.0.1")


def test_unformatted_storage_is_of_no_use(mount: str) -> None:
    with pytest.raises(storage.Unusable, match="not formatted"):
        storage.open_mount(mount, "2.0.3")


def test_formatting_wipes(mount: str) -> None:
    storage.format_mount(mount, "2.0.1")
    objects = storage.Objects(mount)
    objects.write("pool", "container", "object", b"content")
    assert objects.read("pool", "container", "object") == b"content"
    assert objects.names("pool", "container") == ["object"]
    before = storage.superblock(mount)
    storage.format_mount(mount, "2.0.1")
    assert objects.names("pool", "container") == []
    after = storage.superblock(mount)
    assert before is not None and after is not None and before["uuid"] != after["uuid"]


@pytest.mark.parametrize(
    ("client", "server", "allowed"),
    [
        ("2.0.1", "2.0.3", True),
        ("2.0.3", "2.2.0", True),
        ("2.2.0", "2.0.3", True),
        ("1.2.0", "2.0.3", False),
        ("2.0.3", "1.2.0", False),
        ("2.0.3", "2.4.0", False),
    ],
)
def test_clients_and_servers(client: str, server: str, allowed: bool) -> None:
    assert release.may_talk(client, server) is allowed
