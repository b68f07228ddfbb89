"""What a site decides in group_data: read and checked before anything is touched."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PlainValidator,
    model_validator,
)

from ..daos import platforms
from ..daos.platforms import Distribution
from ..daos.releases import Version
from ..daos.units import DAEMONS, Units, service_name
from ..rules.findings import grouped
from .hooks import EVENTS
from .hooks import Words as HookWords
from .hooks import read as words_of
from .migration_settings import DEFAULTS as _MIGRATION
from .validation import GIVEN, Count, Site, Truth, one_of, otherwise, wrong

# As shipped, in seconds.
TIMEOUTS = {
    "packages": 1800,
    "service": 180,
    "stop": 300,
    "join": 900,
    "client": 120,
    "hook": 300,
}

_MANDATORY = ("target_release", "repositories", "evict_connections", "timeouts")

_URL = otherwise("{where}: only {{series}} is known")
_REPOSITORY = otherwise(
    "{where} lacks its baseurl or its key, or has more than these, fingerprint and signed_metadata"
)
_FINGERPRINT = otherwise(
    "{where}: a fingerprint has 40 hexadecimal digits, as `gpg --show-keys` shows them; shorter "
    "ones can be made by anybody"
)
_SYSTEM = otherwise("{where} is not named like 'rocky 8.6'")
_RANK = otherwise("{name}: {value!r} is not a rank such as 3")
_UNIT = otherwise("{where}: {value!r} is not the name of a service, like site-daos.service")
_COMMAND = otherwise("{where}: {value!r} is no command, nor a list of them")
_SECONDS = otherwise("{where} is not a number of seconds above 0")


Ranks = Annotated[
    frozenset[Annotated[int, Field(strict=True, ge=0), _RANK]],
    Field(strict=False),
    otherwise("{name} is {value!r}, not a list of ranks like [3]"),
]
Words = Annotated[
    frozenset[Annotated[str, Field(strict=True)]],
    Field(strict=False),
    otherwise("{name} is {value!r}, not a list of names like ['tank']"),
]


def _one_or_more(value: object) -> object:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        return value
    return tuple("".join(it.split()).upper() if isinstance(it, str) else it for it in words)


class Repository(BaseModel, frozen=True, extra="forbid"):
    """Where the packages for a distribution are, and the key that signs them.

    + baseurl: for any {series}
    + key: a file of the site, or "file:///..." of the nodes, or where it is fetched from
    + fingerprint: those that are the right ones, each 40 digits; empty where any key in it is
    + signed_metadata: whether the repository signs its metadata with it, too
    """

    baseurl: Annotated[str, Field(pattern=r"^([^{}]|\{series\})*$"), _URL]
    key: Annotated[str, Field(min_length=1)]
    fingerprint: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[0-9A-F]{40}$")], ...],
        BeforeValidator(_one_or_more),
        Field(strict=False),
        _FINGERPRINT,
    ] = ()
    signed_metadata: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _is_seen(self) -> Self:
        """Nothing is fetched over the network and trusted without being compared."""
        scheme, fetched, path = self.key.partition("://")
        if scheme == "file" and fetched and not path.startswith("/"):
            raise wrong("{where}: a file of the nodes is named like 'file:///etc/KEY'")
        if fetched and scheme != "file" and not self.fingerprint:
            raise wrong(
                "{where}: who sits between could put another key in the place of that URL: "
                "download it, compare what `gpg --show-keys FILE` shows with what whoever signs "
                "the packages says of it, and set 'fingerprint', or name the file as 'key'"
            )
        return self


def _commands(given: object) -> object:
    """One command, or a list of them; each as the words of a shell, which is not run."""
    several = given if isinstance(given, list | tuple) else [given]
    return tuple(map(words_of, several))


def _apart(names: dict[str, str]) -> dict[str, str]:
    try:
        Units.named(names)
    except ValueError:
        raise wrong("{name} is {value!r}, and each daemon needs a unit of its own") from None
    return names


def _of_all_kinds(timeouts: object) -> object:
    if not isinstance(timeouts, Mapping):
        return timeouts
    # Files of sites that were written before there were hooks do not name that one.
    return {**dict.fromkeys(TIMEOUTS), "hook": TIMEOUTS["hook"], **timeouts}


class Settings(Site):
    """What the site decided.

    + target: the release that every node shall have, None if that is not known
    + repositories: distribution name to its repository
    + evict: whether pool connections may be evicted
    + timeouts: seconds by kind of waiting
    + update_dependencies: whether what DAOS's repository has newer is updated with DAOS
    + accepted_systems: operating systems that DAOS does not name and the site takes all the same
      ("rocky 8.6"), to the name of the distribution whose packages they take
    + accepted_exclusions: ranks that may be excluded
    + given_up_ranks: ranks that were lost for good while an update was under way
    + given_up_servers: the same of servers, by their own host names
    + given_up_pools: the same of pools, by label or UUID
    + free_space_mib: how much has to be free for packages on every node, in MiB
    + start_at_boot: whether the daemons have to be enabled; None: each node keeps what it has
    + unreachable_clients: how many clients may be left out because they cannot be reached
    + planned_window_s: how long users were told that DAOS is not there, in seconds; None: not said
    + named_units: daemon to the unit that runs it, where that is not DAOS's own
    + hooks: moment of a run to the commands that are run then, each as its words
    """

    target: Annotated[
        Version | None,
        PlainValidator(lambda release: Version.parse(str(release))),
        otherwise("{name}: {value!r} is not a DAOS release such as 2.0.3"),
        GIVEN,
    ] = Field(None, alias="target_release")
    repositories: Annotated[
        dict[str, Annotated[Repository, _REPOSITORY]],
        otherwise("{name} is {value!r}, not like {{'EL8': {{'baseurl': URL, 'key': URL}}}}"),
        GIVEN,
    ] = Field({})
    evict: Annotated[Truth, GIVEN] = Field(False, alias="evict_connections")
    update_dependencies: Truth = True
    timeouts: Annotated[
        dict[
            Annotated[str, one_of(TIMEOUTS, "is unknown")],
            Annotated[int, Field(gt=0), _SECONDS, GIVEN],
        ],
        BeforeValidator(_of_all_kinds),
        otherwise("{name} is {value!r}, not like {{'join': 900}}"),
        GIVEN,
    ] = TIMEOUTS
    accepted_systems: Annotated[
        dict[
            Annotated[str, Field(pattern=r"^\s*\S+\s+\S+\s*$"), _SYSTEM],
            Annotated[str, one_of(platforms.NAMES)],
        ],
        otherwise("{name} is {value!r}, not like {{'rocky 8.6': 'EL8'}}"),
    ] = Field({})
    accepted_exclusions: Ranks = frozenset()
    given_up_ranks: Ranks = frozenset()
    given_up_servers: Words = frozenset()
    given_up_pools: Words = frozenset()
    free_space_mib: Count = 512
    start_at_boot: Annotated[
        bool | None, otherwise("{name} is {value!r}, not True, False or None")
    ] = True
    unreachable_clients: Count = 0
    planned_window_s: Annotated[
        Annotated[int, Field(gt=0)] | None,
        otherwise("{name} is {value!r}, not a number of seconds above 0, or None"),
    ] = None
    named_units: Annotated[
        dict[
            Annotated[str, one_of(DAEMONS, "is no daemon")],
            Annotated[str, AfterValidator(service_name), _UNIT],
        ],
        AfterValidator(_apart),
        otherwise("{name} is {value!r}, not like {{'daos_agent': 'site-daos-agent.service'}}"),
    ] = Field({}, alias="units")

    hooks: Annotated[
        dict[
            Annotated[str, one_of(EVENTS, "is no moment of a run")],
            Annotated[tuple[HookWords, ...], BeforeValidator(_commands), _COMMAND],
        ],
        otherwise("{name} is {value!r}, not like {{'closed': 'site/tell-users'}}"),
    ] = Field({})

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> tuple[Self, list[str]]:
        """Read the settings, with the default of each that is wrong; and all that is wrong."""
        return super().read({**dict.fromkeys(_MANDATORY), **data})

    @property
    def units(self) -> Units:
        """The units that run the daemons."""
        return Units.named(self.named_units)

    @property
    def may_be_missing(self) -> frozenset[int]:
        """The ranks whose targets pools may lack."""
        return self.accepted_exclusions | self.given_up_ranks

    def distribution(self, system: str) -> Distribution | None:
        """The distribution whose packages an operating system ("rhel 8.5") takes; None for none."""
        name = self.accepted_systems.get(system)
        if name:
            return platforms.named(name)
        known = platforms.distribution(system)
        return known or platforms.named_by_site(system, self.repositories)


# What is mandatory has no default where nodes are compared: each has to have it.
_DEFAULTS = {**Settings.defaults(), **dict.fromkeys(_MANDATORY), **_MIGRATION}
NAMES = tuple(_DEFAULTS)


def differing(hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """The settings that are not the same on all nodes, each to the nodes that differ from most.

    + hosts: node name to its data. One update has one policy: no node can have its own.
    """
    found: dict[str, list[str]] = {}
    for name, default in _DEFAULTS.items():
        by_value = grouped((host, repr(data.get(name, default))) for host, data in hosts.items())
        most = max(by_value.values(), key=len, default=[])
        others = [host for same in by_value.values() if same is not most for host in same]
        if others:
            found[name] = others
    return found
