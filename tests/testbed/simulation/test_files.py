"""Files of a simulated node: what a lost power undoes, and what a full disk leaves."""

import pytest

from testbed.simulation.files import Full
from testbed.simulation.node import Node

RECORD, DRAFT = "/var/lib/kept/record", "/var/lib/kept/record.new"


@pytest.fixture
def node() -> Node:
    return Node("daos-server-01", ["servers"])


def test_what_was_not_brought_to_the_disk_is_as_it_was_before(node: Node) -> None:
    node.files.write(RECORD, "old")
    node.files.sync(RECORD)
    node.files.write(RECORD, "new")
    node.files.write("/etc/other", "new")
    node.files.lose()
    assert node.files.read(RECORD) == "old"
    assert "/etc/other" not in node.files


def test_what_was_removed_is_there_again_unless_the_folder_was_synced(node: Node) -> None:
    node.files.write(RECORD, "old")
    node.files.sync()
    node.files.remove(RECORD)
    node.files.lose()
    assert node.files.read(RECORD) == "old"
    node.files.remove(RECORD)
    node.files.sync("/var/lib/kept")
    node.files.lose()
    assert RECORD not in node.files


def test_a_draft_that_is_moved_into_place_is_lost_until_the_folder_is_synced(node: Node) -> None:
    """As `window_file.save` writes: sync the draft, move it, sync the folder."""
    for synced in (False, True):
        node.files.write(DRAFT, "whole")
        node.files.sync(DRAFT)
        node.files.move(DRAFT, RECORD)
        if synced:
            node.files.sync("/var/lib/kept")
        node.files.lose()
        assert (RECORD in node.files) == synced
        assert (DRAFT in node.files) != synced


def test_a_full_disk_leaves_an_empty_file_as_a_shell_does(node: Node) -> None:
    node.files.write(RECORD, "old")
    node.files.full.add("/var/")
    with pytest.raises(Full):
        node.files.append(RECORD, "more")
    assert node.files.read(RECORD) == "old"
    with pytest.raises(Full):
        node.files.write(RECORD, "new")
    assert node.files.read(RECORD) == ""


def test_a_file_keeps_its_owner_and_mode_when_it_is_written_anew(node: Node) -> None:
    node.files.write(RECORD, "old")
    node.files.change(RECORD, owner="daos_server", mode=0o600)
    node.files.write(RECORD, "new")
    file = node.files.get(RECORD)
    assert file
    assert (file.text, file.owner, file.mode) == ("new", "daos_server", 0o600)


def test_what_is_in_memory_is_gone_after_a_boot(node: Node) -> None:
    node.files.write("/run/lock", "")
    node.files.write(RECORD, "")
    node.files.empty("/run/")
    assert "/run/lock" not in node.files
    assert RECORD in node.files
