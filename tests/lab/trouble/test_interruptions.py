"""What is interrupted, anywhere and in whatever way, is finished by the same command (R9).

An update is interrupted again and again. That a run gets to the step of its own interruption shows
that it has gone on from the last one; the last run gets to the end. Here is one interruption of
each kind; at every command of every step they come in the exploration (tests/exploration).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from testbed import faults
from testbed.lab.harness import LabNode

from ..site import ADMIN, CLIENT, DAOS_ALONE, QUICK, SERVER, Outcome, Site, StartSite
from ..usage import states
from ..waiting import eventually, within_transaction
from .interruptions import CTRL_C, HANGING_UP, IMPATIENCE, KILLED, How, Interruption, at, hit_by

SERVERS = ["daos-server-01", "daos-server-02"]
HIT = "daos-server-02"
LOGIN = "login-01"
NODES = [*(LabNode(name, SERVER) for name in SERVERS), LabNode(LOGIN, ADMIN | CLIENT)]
UPDATE = "Update the DAOS packages on all nodes"
RECORD = "/var/lib/daos-offline-update/window.json"
RPMS = "/var/lib/rpm"


# What is done to a run, and what is seen of it


def _a_pool_is_destroyed(site: Site, _: Outcome) -> None:
    """As long as nothing has been stopped, pools may come and go; what is remembered follows.

    Else a later run would wait for it in vain.
    """
    for node in site.lab.nodes.values():
        node.run(f"""sed -i 's/"pools": {{/&"4b0e7e0e": "destroyed", /' {RECORD}""")
        assert "destroyed" in node.read(RECORD)


def _records_are_lost(site: Site, _: Outcome) -> None:
    """As where nodes are installed anew, or cleaned by hand; the other server remembers all."""
    for name in (HIT, LOGIN):
        site.lab.node(name).run(f"rm {RECORD}")


def _a_server_that_the_inventory_lost_is_noticed(site: Site, _: Outcome) -> None:
    site.wait_for_package_managers()
    site.write_inventory(**{**site.groups, "servers": SERVERS[:1]})
    done = site.update()
    assert done.exit_code == 1, done.output
    assert "not-in-inventory" in {finding["code"] for finding in site.report["refusals"]}
    site.write_inventory(**site.groups)


def _the_truth_is_told(site: Site, done: Outcome) -> None:
    assert "Interrupted at the step 'Stop daos_server on the servers'" in done.output
    assert "DAOS is stopped: no engine runs" in done.output
    assert "Traceback" not in done.output
    assert site.report["refusals"] == site.report["failures"] == []


def _ctrl_c_in_the_window_is_no_success(site: Site, done: Outcome) -> None:
    assert f"Interrupted at the step '{UPDATE}'" in done.output
    assert site.report["outcome"] == "failed"
    _a_server_that_the_inventory_lost_is_noticed(site, done)  # from the record: no dmg answers


# dmg that comes back from a system stop only when it may: what is done meanwhile comes right after
# the engines have stopped, and before any later step.
_HELD_STOP = """\
#!/bin/sh
dmg.kept "$@"
code=$?
case "$*" in *"system stop"*) while [ ! -e /tmp/stopped ]; do sleep 0.05; done ;; esac
exit $code
"""


def _a_node_falls_silent(site: Site) -> Outcome:
    """As one does that dies, or whose network goes: connections stay, no answer comes."""
    hit, login = site.lab.node(HIT), site.lab.node(LOGIN)

    def once_its_engines_have_stopped() -> None:
        eventually(lambda: not hit.run("pgrep -x daos_engine", check=False).stdout)
        faults.SSH_SILENT.plant(hit)
        login.run("touch /tmp/stopped")

    with faults.FILE_REPLACED.on(login, path="/usr/bin/dmg", text=_HELD_STOP):
        words = "Starting operation: Stop the engines"
        return site.update_until(words, once_its_engines_have_stopped)


def _the_silent_node_has_ended_the_run(site: Site, done: Outcome) -> None:
    faults.SSH_SILENT.mend(site.lab.node(HIT))
    assert f"[no-answer] on {HIT}" in done.output
    assert "Parts of DAOS are stopped since" in done.output
    assert site.report["outcome"] == "failed"
    assert site.release == "2.0.1"
    assert ("daos_server", "stop") not in _programs(site)


def _programs(site: Site) -> set[tuple[str, str]]:
    return {(event["program"], event["event"]) for event in site.events()}


def _engines_cannot_be_prepared(site: Site) -> Outcome:
    with faults.ENGINE_NOT_PREPARED.on(site.lab.node(HIT)):
        return site.update()


def _they_are_left_serving(site: Site, _: Outcome) -> None:
    assert site.report["outcome"] == "failed"
    [failure] = site.report["failures"]
    assert "prep shutdown" in failure["message"]
    assert not {("daos_engine", "stop"), ("daos_server", "stop")} & _programs(site)


def _dmg_gives_up(site: Site) -> Outcome:
    """The stop takes effect after the time-out is over."""
    with faults.ENGINE_STOPS_SLOWLY.on(site.lab.node(HIT), seconds=5):
        return site.update(timeouts={**QUICK, "stop": 2, "join": 60})


def _the_engines_stop_after_all(site: Site, done: Outcome) -> None:
    admin = site.lab.node(LOGIN)
    eventually(lambda: set(states(admin).values()) == {"stopped"})
    _a_server_that_the_inventory_lost_is_noticed(site, done)  # by what dmg tells


def _packages_cannot_be_changed(site: Site) -> Outcome:
    """On one node they fail; on another the transaction finds no space for their database."""
    login = site.lab.node(LOGIN)
    small = faults.DISK_SMALL.on(login, folder=RPMS, mib=64)
    with faults.PACKAGES_FAIL.on(site.lab.node(HIT)), small:
        try:
            return site.update_until(
                f"Starting operation: {UPDATE}",
                lambda: faults.DISK_FULL.plant(login, folder=RPMS),
                free_space_mib=8,
            )
        finally:
            faults.DISK_FULL.mend(login, folder=RPMS)


def _both_are_named(site: Site, _: Outcome) -> None:
    failed = {name for failure in site.report["failures"] for name in failure["hosts"]}
    assert failed == {HIT, LOGIN}


def _in_its_middle(how: How) -> Interruption:
    """A run interrupted when the package transaction of one node is half done."""

    def when_half_done(site: Site) -> None:
        within_transaction(site.lab.node(HIT))
        how.do(site)

    update = at(UPDATE, How(when_half_done, how.code))

    def run(site: Site) -> Outcome:
        with faults.TRANSACTION_PAUSES.on(site.lab.node(HIT), seconds=4):
            return update.run(site)

    return replace(update, run=run)


# The walks

TO_THE_END = (  # by kill -9 and Ctrl-C, mostly
    at("Stop daos_agent wherever it runs", KILLED, _a_pool_is_destroyed),
    Interruption(_a_node_falls_silent, then=_the_silent_node_has_ended_the_run),
    at("Stop daos_server on the servers", IMPATIENCE, _the_truth_is_told),
    at("Stop daos_server on the servers", HANGING_UP, _the_truth_is_told),
    at(UPDATE, CTRL_C, _ctrl_c_in_the_window_is_no_success),
    _in_its_middle(KILLED),
    at("Start daos_server on the servers", hit_by(faults.POWER_LOST, *SERVERS)),
    at("See that all pools are there", CTRL_C, _records_are_lost),
    at("Look at all nodes once more", KILLED),
)

TO_THE_PACKAGES = (  # by what happens on the nodes
    Interruption(_engines_cannot_be_prepared, then=_they_are_left_serving),
    Interruption(_dmg_gives_up, then=_the_engines_stop_after_all),
    at("Stop daos_server on the servers", hit_by(faults.SSH_CUT, HIT)),
    at("Stop daos_server on the servers", hit_by(faults.REBOOT, HIT)),
    Interruption(_packages_cannot_be_changed, then=_both_are_named),
    _in_its_middle(hit_by(faults.POWER_LOST, HIT)),
)


def _finished(site: Site, walk: tuple[Interruption, ...]) -> Outcome:
    """What the last run printed, after which all is as if nothing had been interrupted."""
    digests = site.lab.digests()
    for interruption in walk:
        done = interruption.run(site)
        assert done.exit_code == interruption.code, done.output
        interruption.then(site, done)
    last = site.update()
    assert last.exit_code == 0, last.output
    site.check_whole("2.0.3")
    assert site.lab.digests() == digests
    return last


def test_an_update_that_is_interrupted_from_its_first_step_to_its_last(
    start_fresh_site: StartSite,
) -> None:
    """Mostly by kill -9 and Ctrl-C; all the time, two nodes print at each login."""
    site = start_fresh_site(NODES)
    site.settings.update(DAOS_ALONE)
    for name in (HIT, LOGIN):
        faults.LOGIN_PRINTS.plant(site.lab.node(name))
    _finished(site, TO_THE_END)
    assert site.report["outcome"] == "nothing to do"


def test_an_update_that_fails_up_to_the_middle_of_its_packages(
    start_fresh_site: StartSite,
) -> None:
    """By what happens on the nodes. The last run finds DAOS stopped, and has most to do."""
    site = start_fresh_site(NODES)
    last = _finished(site, TO_THE_PACKAGES)
    assert "DAOS was stopped already when this run began" in last.output
    assert site.report["outcome"] == "updated"
    agents = [event["time"] for event in site.events() if event["program"] == "daos_agent"]
    begin, end = (datetime.fromisoformat(time) for time in agents[-2:])
    assert (end - begin).total_seconds() <= site.report["offline_window_s"]
