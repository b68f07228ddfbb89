"""What is refused before anything is touched, on one cluster that stays as it is throughout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from testbed import faults

from .. import usage
from ..site import DAOS_ALONE, Site, StartSite, nodes
from ..terminal import QUESTION

WRITING = {"rpm", "systemd", "daos_server", "daos_engine", "daos_agent"}
OF_USERS = {"pool-connected", "pool-disconnected"}


@pytest.fixture(scope="module")
def whole_site(start_site: StartSite) -> Site:
    site = start_site(nodes(servers=2, clients=2))
    site.settings.update(DAOS_ALONE)
    return site


@pytest.fixture
def site(whole_site: Site) -> Iterator[Site]:
    """The cluster; whatever a test asks of it, nothing may have been stopped or changed."""
    before = len(_deeds(whole_site))
    yield whole_site
    whole_site.write_inventory(**whole_site.groups)
    assert _deeds(whole_site)[before:] == []
    assert set(map(frozenset, whole_site.versions().values())) == {frozenset({"2.0.1"})}


def _deeds(site: Site) -> list[dict]:
    return [
        event
        for event in site.lab.events()
        if event["program"] in WRITING and event["event"] not in OF_USERS
    ]


def _is_refused(site: Site, *flags: str, **data: object) -> dict[str, list[dict]]:
    """What an update is refused for: code to the findings. All of it is printed."""
    done = site.update(*flags, **data)
    assert done.exit_code == 1, done.output
    assert "Refused: this run stopped nothing" in done.output, done.output
    report = site.report
    assert report["outcome"] == "refused"
    assert report["offline_window_s"] is None
    found: dict[str, list[dict]] = {}
    for finding in report["refusals"]:
        assert finding["message"].splitlines()[0] in done.output
        found.setdefault(finding["code"], []).append(finding)
    return found


def _is_told(findings: list[dict], *words: str) -> None:
    """Each finding has words of its own, in this order."""
    assert len(findings) == len(words), findings
    for finding, word in zip(findings, words, strict=True):
        assert word in finding["message"]


def test_what_was_typed_and_set_is_refused_before_any_node_is_asked_with_all_reasons(
    site: Site,
) -> None:
    """Flags that take the nodes apart, a target that is no release, an argument of pyinfra's own, a
    name that nobody reads, a group empty, and one not there."""
    site.write_inventory(servers=site.groups["servers"], clients=[])
    flags = ("--serial", "--no-wait", "--limit", "servers", "--exclude", "daos-server-02")
    names = {"_ignore_errors": True, "target_version": "2.0.2"}
    found = _is_refused(site, *flags, target_release="newest", **names)
    assert list(found) == ["impossible-flag", "bad-setting", "empty-group"]
    _is_told(found["impossible-flag"], "--serial", "--no-wait", "--limit", "--exclude")
    _is_told(found["bad-setting"], "_ignore_errors", "did you mean target_release", "newest")
    _is_told(found["empty-group"], "admins", "clients")


def test_what_is_found_on_the_nodes_is_refused_with_all_reasons(site: Site) -> None:
    """A lower release; a server that is not named, a node that hangs, an application that uses
    DAOS, and a name that is no node of the lab: it is not looked for elsewhere."""
    clients = [*site.groups["clients"], "localhost"]
    servers = site.groups["servers"][:1]
    site.write_inventory(**{**site.groups, "servers": servers, "clients": clients})
    client = site.lab.node("daos-client-01")
    usage.hold(client)
    try:
        with faults.SSH_SILENT.on(site.lab.node("daos-client-02")):
            found = _is_refused(site, target_release="2.0.0")
    finally:
        usage.let_go(client)
    assert set(found) == {"no-answer", "no-update-path", "in-use", "not-in-inventory"}
    _is_told(found["no-update-path"], "2.0.0 is lower")
    _is_told(found["not-in-inventory"], "add it to the servers")
    _is_told(found["in-use"], "daos-job")
    assert "evict_connections" in found["in-use"][0]["message"]
    for code, hosts in {
        "no-answer": [["daos-client-02"], ["localhost"]],
        "not-in-inventory": [["daos-server-02"]],
        "in-use": [["daos-client-01"]],
    }.items():
        assert sorted(finding["hosts"] for finding in found[code]) == hosts


def test_a_dry_run_asks_nothing_and_tells_why_nodes_say_nothing(site: Site) -> None:
    """A tool is missing; sudo wants a password; a node cannot be reached, and nobody is there."""
    first, second = (site.lab.node(name) for name in site.groups["clients"])
    site.write_inventory(**{**site.groups, "clients": [*site.groups["clients"], "localhost"]})
    server = site.lab.node(site.groups["servers"][0])
    password = {"path": "/etc/sudoers.d/ops", "text": "ops ALL=(ALL) ALL\n"}
    missing = faults.FILE_MISSING.on(second, path="/usr/bin/findmnt")
    with faults.FILE_REPLACED.on(first, **password), missing, faults.ONE_SESSION.on(server):
        done = site.pyinfra("deploy.py", "--dry")
    assert done.exit_code == 1, done.output
    assert QUESTION not in done.output
    told = {tuple(finding["hosts"]): finding for finding in site.report["refusals"]}
    assert {hosts: finding["code"] for hosts, finding in told.items()} == {
        ("localhost",): "no-answer",
        (server.name,): "few-sessions",
        (first.name,): "unreadable",
        (second.name,): "unreadable",
    }
    assert "NOPASSWD" in told[first.name,]["message"]
    assert "MaxSessions" in told[server.name,]["message"]
    assert "findmnt" in told[second.name,]["message"]
    assert "window.json" not in done.output


def test_who_shows_a_key_that_nobody_has_seen_is_no_node_that_is_switched_off(site: Site) -> None:
    """A server is new to known_hosts, and a client is another one than it was."""
    server, client = (site.groups[role][0] for role in ("servers", "clients"))
    known = site.lab.files.known_hosts
    before = known.read_text()
    ports = {line.split()[0]: line for line in before.splitlines()}
    new, changed = (f"[127.0.0.1]:{site.lab.node(name).ssh_port}" for name in (server, client))
    lines = {**ports, changed: ports[new].replace(new, changed)}
    del lines[new]
    known.write_text("\n".join(lines.values()))
    try:
        found = _is_refused(site)
        assert {code: [it["hosts"] for it in of] for code, of in found.items()} == {
            "unknown-host-key": [[server]],
            "changed-host-key": [[client]],
            "no-answer": [[server]],  # ranks may be its own
        }
        [message] = [it["message"] for it in found["changed-host-key"]]
        assert f"ssh-keygen -R '{changed}' -f {known}" in message
        lines[new] = ports[new]
        known.write_text("\n".join(lines.values()))
        done = site.pyinfra("deploy.py", "--dry", unreachable_clients=1)
        assert done.exit_code == 0, done.output
        assert f"Left out, since they cannot be reached: {client}" in done.output
        assert f"{client} [changed-host-key]: its host key is another one" in done.output
    finally:
        known.write_text(before)


def test_another_series(site: Site) -> None:
    _is_told(_is_refused(site, target_release="2.2.0")["no-update-path"], "another series")


def test_a_lab_that_is_down_never_sends_the_command_elsewhere(site: Site) -> None:
    gone = site.folder / "gone" / "ssh_config"
    done = site.update(ssh_config_file=gone)
    assert done.exit_code != 0
    assert "the lab is not up" in done.output
    assert "Connecting" not in done.output


def test_after_a_step_has_failed_no_later_one_acts_whatever_pyinfra_is_told(site: Site) -> None:
    """One client cannot import the key; --fail-percent 100 has pyinfra go on without it."""
    client = site.lab.node("daos-client-02")
    no_import = '#!/bin/sh\n[ "$1" != --import ] || exit 1; exec /usr/bin/rpm.kept "$@"\n'
    with faults.FILE_REPLACED.on(client, path="/usr/bin/rpm", text=no_import):
        found = _is_refused(site, "--fail-percent", "100")
    _is_told(found["stopped-at-trouble"], "no later step")


def test_a_dry_run_shows_the_plan_and_touches_nothing(site: Site) -> None:
    done = site.pyinfra("deploy.py", "--dry")
    assert done.exit_code == 0, done.output
    plan = [line.strip() for line in done.output.splitlines()]
    begins, ends = (
        plan.index("-- the offline window begins"),
        plan.index("-- the offline window ends"),
    )
    inside = dict(line.split("  ", 1) for line in plan[begins + 1 : ends])
    assert {step: nodes.strip() for step, nodes in inside.items()} == {
        "Stop daos_agent wherever it runs": "daos-client-[01-02]",
        "Stop the engines: dmg system stop": "daos-admin-01",
        "Stop daos_server on the servers": "daos-server-[01-02]",
        "Update the DAOS packages on all nodes": "daos-admin-01,daos-client-[01-02],"
        "daos-server-[01-02]",
        "Start daos_server on the servers": "daos-server-[01-02]",
        "Wait until every engine has joined": "daos-admin-01",
        "See that all pools are there": "daos-admin-01",
        "Start daos_agent where it ran": "daos-client-[01-02]",
    }


def test_a_dry_run_finds_what_a_run_finds(site: Site) -> None:
    settings: dict[str, Any] = {"target_release": "2.0.9", "start_at_boot": False}
    found = _is_refused(site, **settings)
    assert all("2.0.9" in finding["message"] for finding in found["packages-not-available"])
    done = site.pyinfra("deploy.py", "--dry", **settings)
    assert done.exit_code == 1
    for code in ("[enabled] on daos-client-[01-02]", "[packages-not-available] on daos-"):
        assert code in done.output
    assert {finding["code"] for finding in site.report["refusals"]} == set(found)


def test_an_unsigned_package(site: Site) -> None:
    repo = site.lab.repo
    place = "/srv/www/v2.0/EL8"
    repo.run(
        f"cp -a {place} /srv/kept && cp /srv/unsigned/v2.0/EL8/daos-client-2.0.3*.rpm {place}/ "
        f"&& refresh-repository {place}"
    )
    try:
        found = _is_refused(site)["packages-not-available"]
        assert any("daos-client" in finding["message"] for finding in found)
    finally:
        repo.run(f"rm -r {place} && mv /srv/kept {place}")
        for node in site.lab.nodes.values():
            node.run("rm -rf /var/cache/dnf/* /var/cache/yum/*")
