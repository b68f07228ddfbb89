"""The units that run the daemons: their names, and what systemd's words for their states mean to
whoever has to hold and to start them. No I/O.

Source: UnitFileState and LoadState in src/shared/install.h and src/basic/unit-def.c of systemd;
`is-enabled` and `disable` in systemctl(1); the properties' inverses in systemd.unit(5).
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Self

# As DAOS's packages call them. Whatever a site calls them, in what is known and remembered of nodes
# these stand for them.
SERVER = "daos_server.service"
AGENT = "daos_agent.service"

DAEMONS = {"daos_server": SERVER, "daos_agent": AGENT}

# What systemd takes for the name of a service, and no command for an option; a template alone,
# without an instance, is none.
_NAME = re.compile(r"(?![-.])[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\@-]+)?\.service")
_LENGTH = 255
_OTHER_KINDS = (
    *(".socket", ".target", ".timer", ".path", ".mount", ".automount", ".swap", ".device"),
    *(".slice", ".scope"),
)


def service_name(name: str) -> str:
    """The whole name of a service unit. Raises ValueError for what can be none."""
    whole = name if name.endswith((".service", *_OTHER_KINDS)) else f"{name}.service"
    if not _NAME.fullmatch(whole) or len(whole) > _LENGTH:
        raise ValueError(f"{name!r} is no name of a service")
    return whole


@dataclass(frozen=True)
class Units:
    """The units that run the daemons, by the names that the site gives them.

    `units[SERVER]` is the name of the one that stands for daos_server.
    """

    server: str = SERVER
    agent: str = AGENT

    @classmethod
    def named(cls, names: Mapping[str, str]) -> Self:
        """By daemon, "daos_server" or "daos_agent"; one that is not named has DAOS's own unit.

        Raises ValueError where one unit would stand for the other daemon as well.
        """
        units = cls(names.get("daos_server", SERVER), names.get("daos_agent", AGENT))
        if units.server in (units.agent, AGENT) or units.agent == SERVER:
            raise ValueError("one unit for two daemons")
        return units

    def __getitem__(self, unit: str) -> str:
        return {SERVER: self.server, AGENT: self.agent}[unit]

    def typed(self, unit: str) -> str:
        """The name for a shell."""
        return shlex.quote(self[unit])

    def short(self, unit: str) -> str:
        """The name in a sentence, as an administrator types it."""
        return self[unit].removesuffix(".service")

    @property
    def given(self) -> dict[str, str]:
        """Daemon to unit, of those that are not DAOS's own."""
        return {daemon: self[unit] for daemon, unit in DAEMONS.items() if self[unit] != unit}

    @property
    def beside(self) -> tuple[str, ...]:
        """DAOS's own units, where the site has others in their place."""
        return tuple(DAEMONS[daemon] for daemon in self.given)


USUAL = Units()


@dataclass(frozen=True)
class Meaning:
    """What a state means; the texts are ends of sentences, with {unit} for the unit's name.

    + at_boot: whether the unit starts at boot, and `systemctl disable` keeps it from that
    + no_start: why `systemctl start` fails, and what to do; "" where nothing speaks against it
    + no_hold: why `systemctl disable` and `enable` do not keep it down and bring it back, and what
      to do; "" where they do, or where nothing starts it
    + no_enable: what there is to do instead of `systemctl enable`, "" where that works
    """

    at_boot: bool = False
    no_start: str = ""
    no_hold: str = ""
    no_enable: str = ""


_UNMASK = "is masked, so nothing can start it or enable it: type `systemctl unmask {unit}`"
_SEE = "see `systemctl cat {unit}`, and have it come from the unit file of DAOS's package"
_MASKED = Meaning(
    no_start=_UNMASK, no_enable="`systemctl unmask {unit} && systemctl enable {unit}`"
)
_NO_FILE = Meaning(no_start=f"has no unit file, so it cannot be started: {_SEE}")

STATES = {
    "enabled": Meaning(at_boot=True),
    "disabled": Meaning(),
    "enabled-runtime": Meaning(),  # what is in /run is gone with the next boot
    "static": Meaning(
        no_enable="give its unit file an [Install] section: without one it cannot be enabled"
    ),
    "linked": Meaning(),
    "linked-runtime": Meaning(),
    "enabled, linked": Meaning(
        at_boot=True,
        no_hold="is a link to a file elsewhere, which `systemctl disable` removes for good: put "
        "that file itself in the place of the link",
    ),
    "masked": _MASKED,
    "masked-runtime": _MASKED,
    "alias": Meaning(
        no_hold="is only another name of another unit, which `systemctl disable` does not hold: "
        f"{_SEE}"
    ),
    "indirect": Meaning(
        no_hold="is started by way of another unit, and `systemctl disable` does not keep it from "
        f"that: {_SEE}"
    ),
    "generated": Meaning(
        no_hold="is made anew by a generator at each boot, and `systemctl disable` does not keep "
        f"it from starting: {_SEE}"
    ),
    "transient": Meaning(
        no_hold=f"was made by hand (systemd-run), and is gone once it is stopped: stop it; {_SEE}"
    ),
    "bad": Meaning(no_start=f"has a unit file that systemd does not understand: {_SEE}"),
    "not-found": _NO_FILE,
    "": _NO_FILE,  # it was there when systemd has read it last
}

_LOAD_STATES = {"masked": "masked", "merged": "alias", "error": "bad", "bad-setting": "bad"}


def state(unit: str, shown: Mapping[str, str], links: frozenset[str] = frozenset()) -> str:
    """The one word of `STATES` for what `systemctl show` says, or one that nobody knows.

    + unit: the name that was asked for
    + shown: property to value
    + links: the units in whose place a link stands
    """
    loaded, file = shown.get("LoadState", "loaded"), shown.get("UnitFileState", "")
    if shown["Id"] != unit:
        return "alias"
    if loaded not in ("loaded", "stub"):
        return _LOAD_STATES.get(loaded, loaded)
    if file in ("bad", "invalid"):
        return "bad"
    return f"{file}, linked" if file == "enabled" and unit in links else file


def meaning(word: str) -> Meaning:
    """What a state means; one that is no word of systemd's is neither held nor started."""
    unknown = f"is {word!r}, as systemd says, and nobody knows what that means: {_SEE}"
    return STATES.get(word, Meaning(no_start=unknown, no_hold=unknown))


# The properties of a unit that name what starts it as well: by a start of its own, or by an event.
# A systemd that does not know one of them does not print it; that of CentOS 7 has what is Requisite
# among RequiredBy, too. RequisiteOf and ConsistsOf are none of them: these start nothing.
_PULLS = (
    *("WantedBy", "RequiredBy", "RequiredByOverridable", "BoundBy", "UpheldBy"),
    *("TriggeredBy", "OnSuccessOf", "OnFailureOf"),
)

# Links below these are removed by `systemctl disable`, or are gone with the next boot.
_REMOVED = ("/etc/systemd/system/", "/run/systemd/system/")


def pullers(shown: Mapping[str, str], links: Iterable[str]) -> tuple[str, ...]:
    """What starts a unit also once it is disabled: other units by name, links by their paths.

    systemd knows of the units that it has loaded, and it has all loaded that start at boot.

    + shown: property to value
    + links: the paths by which it is linked to others, FOLDER/TARGET.wants/UNIT
    """
    named = dict.fromkeys(word for key in _PULLS for word in shown.get(key, "").split())
    by_link = {path: PurePath(path).parent.stem for path in links}
    own = {name for path, name in by_link.items() if path.startswith(_REMOVED)}
    stay = [path for path in by_link if not path.startswith(_REMOVED) and by_link[path] in named]
    told = own | {by_link[path] for path in stay}
    # A link may be below another name of its target (default.target), which systemd does not tell.
    targets = (".target",) if own - set(named) else ()
    # daos_agent is held as well, and started last; what starts with daos_server is too early.
    others = (name for name in named if name not in told and name != AGENT)
    return (*(name for name in others if not name.endswith(targets)), *stay)


def pulled(by: Iterable[str]) -> str:
    """What is wrong with a unit that others start, and what to do, as of `Meaning`; "" for none."""
    who = list(by)
    if not who:
        return ""
    ways = " and ".join(_leave_it(puller) for puller in who)
    return (
        f"is started by {', '.join(who)} as well, from which `systemctl disable {{unit}}` does not "
        "keep it, so it would start in the offline window, by a reboot if by nothing else: until "
        f"that is over, {ways}"
    )


def doubled(unit: str, service: str) -> str:
    """What is wrong with a unit of DAOS's own that starts at boot, though the site has another."""
    return (
        f"starts at boot as well as {service}, which units in group_data/all.py names in its "
        f"place: type `systemctl disable {unit}`"
    )


def _leave_it(puller: str) -> str:
    """How something that starts a unit is kept from that; {unit} is the unit's name.

    Nothing else is stopped for it: what stops with it may be the daemon itself (PartOf=).
    """
    if puller.startswith("/"):
        return f"type `rm {puller} && systemctl daemon-reload`"
    if puller.endswith((".timer", ".path", ".socket")):
        return f"type `systemctl disable --now {puller}`"
    if puller.endswith((".mount", ".automount")):
        return (
            f"unmount {puller}, take {{unit}} out of its line in /etc/fstab, and type `systemctl "
            "daemon-reload`"
        )
    if puller.endswith(".device"):
        return f"take {{unit}} out of SYSTEMD_WANTS in the udev rule of {puller}"
    return f"take {{unit}} out of it (`systemctl cat {puller}`), and type `systemctl daemon-reload`"


def properties(lines: Iterable[str]) -> list[dict[str, str]]:
    """The properties of units, one after the other, as `systemctl show` lists them.

    It has an order of its own, and Id is not the first; a list is one line for each of its entries.
    """
    found: list[dict[str, str]] = [{}]
    for line in lines:
        key, _, value = line.partition("=")
        if key in ("ExecStartPre", "ExecStart", "ExecStopPost"):
            value = " ".join(filter(None, (found[-1].get(key), value)))
        elif key in found[-1]:
            found.append({})
        found[-1][key] = value
    return found
