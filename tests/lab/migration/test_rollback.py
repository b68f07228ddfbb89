"""A migration at a terminal: Ctrl-C, the way back to 1.x, and the name that has to be typed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from testbed import faults

from ..site import Outcome, Site, StartSite
from ..terminal import CTRL_C, CTRL_D, ENTER, QUESTION, Terminal
from ..usage import mounted
from ..waiting import eventually, within_transaction
from .stages import (
    CLIENT_1,
    CLIENT_2,
    MIGRATE,
    NODES,
    PARALLEL,
    SYSTEM,
    admin,
    backup_until,
    codes,
    containers,
    done,
    formats,
    held,
    held_copy,
    left_mounts,
    release,
    stage,
    state_of,
    tree,
)

SERVER_1 = "daos-server-01"
BEFORE = "1.2.0"
FILES = 12  # in each container, besides the objects: of every kind
PROMPT = "Type the name of the system to reformat it: "
# Whatever is configured, with its owner, its mode and its contents; .rpmnew is what packages leave.
_CONFIGURED = """\
cd /etc/daos
for file in $(ls --ignore='*.rpmnew'); do
    stat -c '%n %U %G %a' $file
    [ -d $file ] || cat $file
done
"""


@dataclass(frozen=True)
class Holdings:
    """What DAOS 1.x is and holds, as far as a rollback has to give it back.

    + configured: node name to all that stands in /etc/daos
    + ranks: rank to its state
    + pools: what `dmg pool list` tells
    + trees: container UUID to every file in it
    """

    configured: dict[str, str]
    ranks: dict[int, str]
    pools: list[dict[str, Any]]
    trees: dict[str, Any]


def holdings(site: Site) -> Holdings:
    client = site.lab.node(CLIENT_1)
    trees = {}
    for pool, container in containers(site):
        with mounted(client, pool, container) as mount:
            trees[container] = tree(client, mount)
    members = json.loads(admin(site).run("dmg -j system query").stdout)
    return Holdings(
        {name: node.run(_CONFIGURED).stdout for name, node in site.lab.nodes.items()},
        {member["rank"]: member["state"] for member in members["response"]["members"]},
        site.lab.pool_list(),
        trees,
    )


def test_a_system_goes_back_to_1_x_and_on_until_its_storage_is_formatted(
    start_fresh_site: StartSite,
) -> None:
    site = _filled(start_fresh_site)
    _ctrl_c_ends_the_command_and_not_the_copy(site)
    before = holdings(site)
    _the_backup_is_what_daos_holds(site, before)

    _install_brings_2_0_and_converts_the_configuration(site)
    assert_rolled_back(site, before)
    _format_refuses_what_serves_again(site)
    _what_changed_since_the_backup_is_found_before_the_engines_stop(site)
    _it_is_backed_up_again(site)

    before = holdings(site)
    _the_power_goes_in_the_middle_of_the_package_transaction(site)
    assert_rolled_back(site, before)
    _install_brings_2_0_and_converts_the_configuration(site)  # from a backup that is still true

    for typed in ("daos", "Daos_server", ""):
        _another_name_is_refused(site, typed)
    _who_types_no_name_is_refused(site, CTRL_D, 1, ["not-confirmed"])
    _who_types_no_name_is_refused(site, CTRL_C, 130, [])
    _the_right_name_shows_the_plan_and_enter_formats(site)
    _after_the_format_there_is_no_way_back(site)


def _filled(start: StartSite) -> Site:
    site = start(NODES, version=BEFORE, backup_mib=64)
    for pool, container in containers(site):
        site.lab.node(CLIENT_1).run(f"daos-job {pool} {container} --tree {FILES} --seed 7")
    return site


# The backup


def _ctrl_c_ends_the_command_and_not_the_copy(site: Site) -> None:
    with held_copy(site) as client:
        terminal = Terminal(site, MIGRATE, "-y", stage="backup", **PARALLEL)
        terminal.wait_for("(1 of ")
        eventually(lambda: held(client))
        terminal.press(CTRL_C)
        outcome = terminal.end()
        assert outcome.exit_code == 130, outcome.output
        assert "Interrupted at the step 'Copy every container out of DAOS'" in outcome.output
        assert "DAOS serves" in outcome.output
        assert f"still at work, and followed by the next run: copy on {CLIENT_1}" in outcome.output
        [go_on] = [line for line in outcome.output.splitlines() if "To go on" in line]
        assert "stage=backup" in go_on
        assert held(client)
        again = backup_until(site, "was under way already", lambda: release(site))
        assert (again.exit_code, site.report["outcome"]) == (0, "complete"), again.output
    done(site, "verify", **PARALLEL)
    assert left_mounts(site) == []


def _the_backup_is_what_daos_holds(site: Site, now: Holdings) -> None:
    client = site.lab.node(CLIENT_1)
    for pool, container in containers(site):
        assert len(now.trees[container][0]) > FILES
        assert tree(client, f"/backup/{pool}/{container}/data") == now.trees[container]


def _it_is_backed_up_again(site: Site) -> None:
    """As the refusal says. What is backed up again holds it, and the way back is still open."""
    for name in (CLIENT_1, CLIENT_2):
        site.lab.node(name).run("systemctl start daos_agent")
    done(site, "backup", "verify")


# The way back


def _install_brings_2_0_and_converts_the_configuration(site: Site) -> None:
    done(site, "install")
    assert site.release == "2.0.3"
    server = site.lab.node(SERVER_1)
    assert "\nengines:" in server.read("/etc/daos/daos_server.yml")
    assert "\nservers:" in server.read("/etc/daos/daos_server.yml.1.x-backup")


def assert_rolled_back(site: Site, before: Holdings) -> None:
    """Type the way back; 1.x serves then as it did, and of the migration nothing is in its way."""
    outcome = site.pyinfra("deploys/rollback.py", "-y")
    assert (outcome.exit_code, site.report["outcome"]) == (0, "rolled back"), outcome.output
    assert site.release == BEFORE
    assert state_of(site.lab.node(SERVER_1), "daos_server") == "active enabled"
    for name in (CLIENT_1, CLIENT_2):
        assert state_of(site.lab.node(name), "daos_agent") == "active enabled"
    assert holdings(site) == before
    left = "ls /var/lib/daos-offline-update/window.json /var/lib/daos-offline-update/starts"
    for node in site.lab.nodes.values():
        assert node.run(left, check=False).stdout == ""
        assert node.run("dnf -q check-update 'daos*'").stdout == "", "2.x is offered again"


def _format_refuses_what_serves_again(site: Site) -> None:
    before = formats(site)
    outcome = stage(site, "format", **SYSTEM)
    assert outcome.exit_code == 1
    assert "still-serving" in codes(site)
    assert formats(site) == before


def _what_changed_since_the_backup_is_found_before_the_engines_stop(site: Site) -> None:
    pool, container = containers(site)[0]
    writer = site.lab.node(CLIENT_2)
    with mounted(writer, pool, container) as mount:
        writer.run(f"echo late > {mount}/late.txt")
    before = stops(site)
    outcome = stage(site, "install")
    assert outcome.exit_code == 1
    assert list(codes(site)) == ["changed-since-backup"], outcome.output
    assert "'late.txt'" in outcome.output
    assert stops(site) == before
    assert left_mounts(site) == []


def stops(site: Site) -> int:
    """How often the engines were stopped so far."""
    return sum(event["event"] == "system-stop" for event in site.lab.events())


def _the_power_goes_in_the_middle_of_the_package_transaction(site: Site) -> None:
    """One package is new then and the others are not."""
    server = site.lab.node(SERVER_1)

    def lose_power() -> None:
        within_transaction(server)
        faults.POWER_LOST.strike(server)

    words = "Starting operation: Replace the DAOS packages on all nodes"
    with faults.TRANSACTION_PAUSES.on(server, seconds=4):
        outcome = site.typed_until(words, lose_power, MIGRATE, "-y", stage="install")
    assert outcome.exit_code == 1, outcome.output


# The name that has to be typed


def at_the_prompt(site: Site, keys: str) -> Outcome:
    """stage=format at a terminal, where it asks for the system's name, and these keys."""
    terminal = Terminal(site, MIGRATE, "-y", stage="format")
    terminal.wait_for(PROMPT)
    terminal.press(keys)
    return terminal.end()


def assert_nothing_touched(site: Site, formatted: int) -> None:
    assert formats(site) == formatted
    assert state_of(site.lab.node(SERVER_1), "daos_server") == "inactive disabled"


def _another_name_is_refused(site: Site, typed: str) -> None:
    before = formats(site)
    outcome = at_the_prompt(site, typed + ENTER)
    assert outcome.exit_code == 1
    assert list(codes(site)) == ["wrong-system"], outcome.output
    assert f"the system is not {typed!r}, but daos_server" in outcome.output
    assert_nothing_touched(site, before)


def _who_types_no_name_is_refused(site: Site, keys: str, code: int, found: list[str]) -> None:
    before = formats(site)
    outcome = at_the_prompt(site, keys)
    assert outcome.exit_code == code, outcome.output
    assert list(codes(site)) == found
    assert "Traceback" not in outcome.output
    assert_nothing_touched(site, before)


def _the_right_name_shows_the_plan_and_enter_formats(site: Site) -> None:
    before = formats(site)
    terminal, too_late = (Terminal(site, MIGRATE, stage="format") for _ in range(2))
    for each in (terminal, too_late):
        each.wait_for(PROMPT)
        each.press("daos_server" + ENTER)
        each.wait_for(QUESTION)
    assert_nothing_touched(site, before)
    terminal.press(f"yes{ENTER}")
    outcome = terminal.end()
    assert (outcome.exit_code, site.report["outcome"]) == (0, "complete"), outcome.output
    formatted = formats(site)
    assert formatted > before
    too_late.press(f"yes{ENTER}")
    outcome = too_late.end()
    assert (outcome.exit_code, list(codes(site))) == (1, ["plan-changed"]), outcome.output
    assert formats(site) == formatted
    assert state_of(site.lab.node(SERVER_1), "daos_server") == "active disabled"


def _after_the_format_there_is_no_way_back(site: Site) -> None:
    before = site.versions()
    outcome = site.pyinfra("deploys/rollback.py", "-y")
    assert outcome.exit_code == 1
    [finding] = site.report["refusals"]
    assert (finding["code"], finding["hosts"]) == ("engine-started", [SERVER_1])
    assert "pyinfra inventory deploys/migrate.py" in finding["message"]
    assert site.versions() == before
