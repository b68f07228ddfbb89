"""What is found before the window, each on one cluster of three distributions that serves on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest

from testbed import faults
from testbed.lab import provision
from testbed.lab.container import Node
from testbed.lab.harness import LabNode

from .. import usage
from ..site import ADMIN, CLIENT, DAOS_ALONE, ROOT, SERVER, Site, StartSite
from ..waiting import eventually

NODES = [
    LabNode("daos-server-01", SERVER, "el8"),
    LabNode("daos-server-02", SERVER, "el8"),
    LabNode("daos-admin-01", ADMIN, "el8"),
    LabNode("daos-client-01", CLIENT, "el7"),
    LabNode("daos-client-02", CLIENT, "leap15"),
]


@pytest.fixture(scope="module")
def whole_site(start_site: StartSite) -> Site:
    site = start_site(NODES)
    site.settings.update(DAOS_ALONE)
    return site


@pytest.fixture
def site(whole_site: Site) -> Iterator[Site]:
    """The cluster; whatever a test asks of it, DAOS serves on as it is."""
    before = _daemons(whole_site)
    assert len(before) == len(whole_site.lab.nodes) + 2 * provision.ENGINES
    yield whole_site
    assert _daemons(whole_site) == before
    assert set(map(frozenset, whole_site.versions().values())) == {frozenset({"2.0.1"})}


def _daemons(site: Site) -> list[str]:
    """The daemons of DAOS on all nodes, with their process ids; one line for a node without."""
    look = "pgrep -xa 'daos_server|daos_engine|daos_agent' || echo none"
    return [
        f"{name} {line}"
        for name, node in site.lab.nodes.items()
        for line in node.run(look).stdout.splitlines()
    ]


Found = dict[str, list[dict[str, Any]]]
Plant = Callable[[Site], AbstractContextManager[dict[str, Any]]]


def _found(site: Site, **data: Any) -> Found:
    """What `--dry` refuses for: code to the findings. Nothing may have been changed by it."""
    done = site.pyinfra("deploy.py", "--dry", **data)
    findings = site.report["refusals"] if done.exit_code else []
    assert (done.exit_code == 0) == (not findings), done.output
    by_code: Found = {}
    for finding in findings:
        assert f"[{finding['code']}]" in done.output
        by_code.setdefault(finding["code"], []).append(finding)
    return by_code


def _hosts(findings: list[dict[str, Any]]) -> set[str]:
    return {host for finding in findings for host in finding["hosts"]}


# What may be wrong: contexts in which it is so; they give what belongs into the words of findings


@contextmanager
def _running(node: Node, program: str) -> Iterator[int]:
    """A process of this name that does nothing, for a while; its process id."""
    pid = node.run(
        f"ln -sf $(command -v sleep) /tmp/{program}; "
        f"setsid /tmp/{program} 600 > /dev/null 2>&1 < /dev/null & echo $!"
    ).stdout.strip()
    eventually(lambda: node.run(f"pgrep -x {program}", check=False).stdout)
    try:
        yield int(pid)
    finally:
        node.run(f"kill {pid}; rm /tmp/{program}")


@contextmanager
def _managers_run(site: Site) -> Iterator[dict[str, Any]]:
    """A package manager is at work on a client, and one that waits for orders on another."""
    first, second = site.lab.node("daos-client-01"), site.lab.node("daos-client-02")
    with _running(first, "yum") as pid, _running(second, "packagekitd"):
        yield {"pid": pid}


@contextmanager
def _by_hand(site: Site) -> Iterator[dict[str, Any]]:
    """An agent that no unit has started on a client, and an engine that has died on another."""
    agent, dead = site.lab.node("daos-client-01"), site.lab.node("daos-client-02")
    zombie = 'exec perl -e \'fork or exec "/tmp/daos_engine", "0"; sleep 600\''
    dead.run(
        f"ln -sf $(command -v sleep) /tmp/daos_engine; {zombie} > /dev/null 2>&1 < /dev/null &"
    )
    eventually(lambda: "Z" in dead.run("ps -o stat= -C daos_engine", check=False).stdout)
    with _running(agent, "daos_agent") as pid:
        yield {"pid": pid}
    dead.run("pkill -x perl; rm /tmp/daos_engine")


@contextmanager
def _mounted(site: Site) -> Iterator[dict[str, Any]]:
    client = site.lab.node("daos-client-01")
    with usage.mounted(client, "tank", "home", user="ops") as mount:
        yield {"mount": mount, "pid": client.run("pgrep -x dfuse").stdout.strip()}


@contextmanager
def _disabled(site: Site) -> Iterator[dict[str, Any]]:
    client = site.lab.node("daos-client-02")
    client.run("systemctl disable daos_agent")
    try:
        yield {}
    finally:
        client.run("systemctl enable daos_agent")


@contextmanager
def _masked(site: Site) -> Iterator[dict[str, Any]]:
    """The agent runs on, and nothing could start it again."""
    client = site.lab.node("daos-client-02")
    client.run("systemctl mask daos_agent")
    try:
        yield {}
    finally:
        client.run("systemctl unmask daos_agent")


@contextmanager
def _taken_back(site: Site) -> Iterator[dict[str, Any]]:
    """One drop-in is read before that of the update, and one after it."""
    server = site.lab.node("daos-server-02")
    with (
        faults.STARTS_TAKEN_BACK.on(server, file="override.conf"),
        faults.STARTS_TAKEN_BACK.on(server, file="zzzz.conf"),
    ):
        yield {}


def _replaced(name: str, path: str, text: str) -> Plant:
    @contextmanager
    def planted(site: Site) -> Iterator[dict[str, Any]]:
        with faults.FILE_REPLACED.on(site.lab.node(name), path=path, text=text):
            yield {}

    return planted


CENTOS = "/etc/centos-release"
_old_centos = _replaced("daos-client-01", CENTOS, "CentOS Linux release 7.8.2003 (Core)\n")
_other_centos = _replaced("daos-server-02", CENTOS, "CentOS Linux release 8.4.2105\n")
# The simulated pools are rebuilt at once, so dmg is made to say that one is not done.
_rebuilding = _replaced(
    "daos-admin-01",
    "/usr/bin/dmg",
    '#!/bin/sh\n/usr/bin/dmg.kept "$@" | sed "s/\\"idle\\"/\\"busy\\"/"',
)
LENIENT = "[main]\ngpgcheck=1\nbest=False\nstrict=False\nplugins=0\nexclude=daos-client\n"
DEAD = (
    r"[site]\nname=site\nbaseurl=http://127.0.0.1:9/site\nenabled=1\nautorefresh=1\ntype=rpm-md\n"
)
SERVERS = {"daos-server-01", "daos-server-02"}

# What is wrong, the code of what is found, the nodes it is about, and words of it
WRONG: tuple[tuple[Plant, str, set[str], str], ...] = (
    (_old_centos, "unsupported-system", {"daos-client-01"}, "centos 7.8"),
    (_other_centos, "mixed-servers", SERVERS, "centos 8.4 on daos-server-02"),
    (
        _managers_run,
        "package-manager-busy",
        {"daos-client-01"},
        "/tmp/yum 600 (pid {pid}, user root, uid 0, /usr/bin/sleep)",
    ),
    (_by_hand, "foreign-daemon", {"daos-client-01"}, "daos_agent (pid {pid}, user root, "),
    (_disabled, "not-enabled", {"daos-client-02"}, "&& systemctl enable daos_agent`"),
    (_masked, "unit-state", {"daos-client-02"}, "`systemctl unmask daos_agent`"),
    (_taken_back, "no-trace", {"daos-server-02"}, "daos_server.service.d/zzzz.conf takes back"),
    (_rebuilding, "rebuild-running", set(), "is being rebuilt"),
    (_mounted, "in-use", {"daos-client-01"}, "dfuse mounted at {mount} (pid {pid}, user ops, "),
)


def test_a_healthy_cluster_of_three_distributions_has_no_findings(site: Site) -> None:
    assert _found(site) == {}


def test_everything_is_found_at_once(site: Site) -> None:
    """All that is wrong, each with its nodes and in its words, and nothing else."""
    with ExitStack() as planted:
        told = {plant: planted.enter_context(plant(site)) for plant, *_ in WRONG}
        found = _found(site, free_space_mib=10**9)
    expected = {code: hosts for _, code, hosts, _ in WRONG}
    everywhere = {"no-space": {node.name for node in NODES}}
    assert {code: _hosts(findings) for code, findings in found.items()} == expected | everywhere
    assert all("MiB on /" in finding["message"] for finding in found["no-space"])
    for plant, code, _, words in WRONG:
        assert words.format(**told[plant]) in found[code][0]["message"]


def test_what_would_start_daos_at_a_reboot_though_it_is_disabled_is_found(site: Site) -> None:
    """A site's unit that wants daos_server; a timer; a link that `systemctl disable` leaves."""
    server, timed, linked = (
        site.lab.node(name) for name in ("daos-server-01", "daos-client-01", "daos-client-02")
    )
    timer = "/etc/systemd/system/site.timer"
    link = "/usr/lib/systemd/system/multi-user.target.wants/daos_agent.service"
    timed.run(
        f"printf '[Timer]\\nUnit=daos_agent.service\\n[Install]\\nWantedBy=timers.target\\n' "
        f"> {timer} && systemctl enable site.timer"
    )
    linked.run(f"mkdir -p $(dirname {link}) && ln -s ../daos_agent.service {link}")
    try:
        with faults.PULLED_IN.on(server, unit="daos_server.service"):
            found = _found(site)
    finally:
        timed.run(f"systemctl disable site.timer; rm {timer}")
        linked.run(f"rm {link}")
    assert set(found) == {"unit-state"}
    told = {tuple(finding["hosts"]): finding["message"] for finding in found["unit-state"]}
    assert set(told) == {(server.name,), (timed.name,), (linked.name,)}
    assert "daos_server.service is started by site-jobs.service as well" in told[server.name,]
    assert "`systemctl cat site-jobs.service`" in told[server.name,]
    assert "`systemctl disable --now site.timer`" in told[timed.name,]
    assert f"`rm {link} && systemctl daemon-reload`" in told[linked.name,]


def test_what_the_site_answers_for_is_not_found(site: Site) -> None:
    """An operating system, and a service that does not start at boot."""
    with _old_centos(site), _disabled(site):
        assert _found(site, accepted_systems={"centos 7.8": "CentOS7"}, start_at_boot=None) == {}


def test_a_release_that_the_repositories_do_not_have_is_found_and_leaves_nothing_behind(
    site: Site,
) -> None:
    """Neither the repository nor what was fetched from it, nor the key.

    What any dnf or zypper writes, whoever types it, is no matter: dnf which repositories are out of
    date, zypper what is installed (@System). It may be there before the look, or be new with it.
    """
    listing = (
        "find /etc/yum.repos.d /etc/zypp /tmp /var/cache/zypp /var/cache/dnf /var/cache/yum "
        "-type f -not -name expired_repos.json -not -path '*/solv/@System/*' 2>/dev/null | sort; "
        "rpm -qa gpg-pubkey"
    )
    before = {name: node.run(listing).stdout for name, node in site.lab.nodes.items()}
    found = _found(site, target_release="2.0.9")["packages-not-available"]
    assert {name: node.run(listing).stdout for name, node in site.lab.nodes.items()} == before
    assert _hosts(found) == set(site.lab.nodes)
    assert all("2.0.9" in finding["message"] for finding in found)


def test_a_package_that_one_role_needs_and_the_repository_lacks_is_told_of_those_nodes(
    site: Site,
) -> None:
    place = "/srv/www/v2.0/EL8"
    site.lab.repo.run(
        f"cp -a {place} /srv/kept && rm {place}/daos-server-2.0.3* && refresh-repository {place}"
    )
    try:
        [finding] = _found(site)["packages-not-available"]
    finally:
        site.lab.repo.run(f"rm -r {place} && mv /srv/kept {place}")
    assert finding["hosts"] == ["daos-server-01", "daos-server-02"]
    assert "daos-server-2.0.3" in finding["message"]


def _of_the_site(site: Site) -> str:
    """A dnf.conf that defines a repository, in which is what nobody has signed."""
    site.lab.repo.run(
        "mkdir -p /srv/www/site && cp /srv/unsigned/v2.0/EL8/*.rpm /srv/www/site"
        " && refresh-repository /srv/www/site"
    )
    url = f"http://{provision.REPOSITORY}/site"
    return f"[main]\n[site]\nname=site\nbaseurl={url}\ngpgcheck=0\npriority=1\n"


def test_a_package_that_a_node_excludes_is_found_and_a_dead_repository_of_the_site_is_no_matter(
    site: Site,
) -> None:
    """dnf is set up to go on without it, and zypper skips the repository, exiting with 106.

    Where a package would come from a repository that is not left out, that is found as well.
    """
    lenient = _replaced("daos-admin-01", "/etc/dnf/dnf.conf", LENIENT)
    elsewhere = _replaced("daos-server-02", "/etc/dnf/dnf.conf", _of_the_site(site))
    client = site.lab.node("daos-client-02")
    client.run(f"mkdir -p /etc/zypp/repos.d; printf '{DEAD}' > /etc/zypp/repos.d/site.repo")
    try:
        with lenient(site), elsewhere(site):
            found = _found(site)
    finally:
        client.run("rm /etc/zypp/repos.d/site.repo")
    [foreign], [finding] = found["foreign-package"], found["packages-not-available"]
    assert foreign["hosts"] == ["daos-server-02"]
    assert "daos, daos-server from site" in foreign["message"]
    assert finding["hosts"] == ["daos-admin-01"]
    assert "filtered out by exclude filtering for argument: daos-client-2.0.3" in finding["message"]


def test_a_setting_of_one_group_and_a_misspelt_one(site: Site) -> None:
    own = site.folder / "group_data"
    own.unlink()
    shutil.copytree(ROOT / "group_data", own)
    (own / "clients.py").write_text("evict_connections = True\n")
    try:
        found = _found(site, evict_connection=True)["bad-setting"]
    finally:
        shutil.rmtree(own)
        own.symlink_to(ROOT / "group_data")
    assert "did you mean evict_connections?" in found[0]["message"]
    assert found[1]["hosts"] == ["daos-client-01", "daos-client-02"]


# A program of root's for anybody, which waits at its prompt; others that only have a name.
_NAMESAKES = (
    ("daos-server-01", "daos_engine", "sleep 600"),
    ("daos-server-02", "daos_server", "su"),
    ("daos-client-01", "daos_agent", "su"),
    ("daos-client-02", "dnf", "sleep 600"),
    ("daos-client-02", "dfuse", "sleep 600"),
)


def test_what_ordinary_users_run_under_the_names_of_others_stops_nobody(site: Site) -> None:
    with ExitStack() as planted:
        for name, called, program in _NAMESAKES:
            node = site.lab.node(name)
            command, *words = program.split()
            pid = node.run(
                f"ln -s $(command -v {command}) /tmp/{called}; sleep 600 2> /dev/null | "
                f"/tmp/{called} {' '.join(words)} > /dev/null 2>&1 & echo $!",
                user="ops",
            ).stdout.strip()
            gone = f"timeout 30 sh -c 'while [ -e /proc/{pid} ]; do sleep 0.1; done'"
            planted.callback(node.run, f"kill {pid}; rm /tmp/{called}; {gone}")
        done = site.pyinfra("deploy.py", "--dry")
    assert done.exit_code == 0, done.output
    for name, called, program in _NAMESAKES[:3]:
        said = rf"{name}: {called} \(pid \d+, .*{program.split()[0]}.*\) is none of DAOS"
        assert re.search(said, done.output), done.output


_MAPS = (
    "import ctypes, mmap, sys, time; file = open('/tmp/libdaos.so', 'w+b'); file.write(b'x'); "
    "file.flush(); kept = mmap.mmap(file.fileno(), 0); "
    "ctypes.CDLL(None).prctl(15, bytes.fromhex(sys.argv[1])); time.sleep(600)"
)


@pytest.mark.parametrize("name", ["", "0a3d3d20656e64", "1b5b326a", "ff28290a"])
def test_a_process_of_any_name_that_has_daos_mapped_is_told_and_silences_no_node(
    site: Site, name: str
) -> None:
    client = site.lab.node("daos-client-01")
    pid = client.run(
        f'setsid python3 -c "{_MAPS}" "{name}" > /dev/null 2>&1 < /dev/null & echo $!', user="ops"
    ).stdout.strip()
    eventually(lambda: client.run(f"grep -l libdaos /proc/{pid}/maps", check=False).stdout)
    try:
        [finding] = _found(site)["in-use"]
    finally:
        client.run(f"kill {pid}; rm /tmp/libdaos.so")
    assert f"(pid {pid}, user ops, uid " in finding["message"]
    assert not set(finding["message"]) & set(map(chr, range(32)))


# Systems of their own, since they do not stay as they are

LOGIN = [*(LabNode(name, SERVER) for name in sorted(SERVERS)), LabNode("login-01", ADMIN | CLIENT)]


def test_servers_of_two_releases_while_engines_run(start_fresh_site: StartSite) -> None:
    """The packages of one server are updated under its running daemons, by hand."""
    site = start_fresh_site(LOGIN)
    source = f"--repofrompath=daos,http://{provision.REPOSITORY}/v2.0/EL8 --nogpgcheck"
    site.lab.node("daos-server-02").run(
        f"dnf -y -q --disablerepo='*' {source} upgrade daos-2.0.3 daos-server-2.0.3"
    )
    before = _daemons(site)
    [finding] = _found(site)["mixed-versions"]
    assert finding["hosts"] == ["daos-server-01", "daos-server-02"]
    assert "2.0.1 on daos-server-01, 2.0.3 on daos-server-02" in finding["message"]
    assert _daemons(site) == before


def test_an_update_with_an_excluded_rank_that_the_site_accepts(start_fresh_site: StartSite) -> None:
    site = start_fresh_site(LOGIN)
    faults.ENGINE_DIES.plant(site.lab.node("daos-server-02"))
    admin = site.lab.node("login-01")
    eventually(lambda: "excluded" in usage.states(admin).values())
    [lost] = [rank for rank, state in usage.states(admin).items() if state == "excluded"]
    others = set(usage.states(admin)) - {lost}

    assert set(_found(site)) == {"not-joined", "pool-degraded"}
    assert set(_found(site, accepted_exclusions=[*others])) >= {"not-joined"}

    before = site.lab.digests()
    done = site.update(accepted_exclusions=[lost])
    assert done.exit_code == 0, done.output
    assert site.report["outcome"] == "updated"
    assert {rank for rank, state in usage.states(admin).items() if state == "joined"} >= others
    assert site.lab.digests() == before

    again = site.update(accepted_exclusions=[lost])
    assert again.exit_code == 0, again.output
    assert site.report["outcome"] == "nothing to do"
