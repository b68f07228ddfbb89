"""The commands of dmg and their options: what it understands, and what --help shows of it.

What the lab does not simulate is listed by name and purpose alone. Source: dmg 1.2.0 and 2.0.3,
whose words these are.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Option:
    """An option: `-r, --ranks=`.

    + short: one letter, or ""
    + text: its line in --help
    + takes: the kind of its value, "" for a flag that has none, "string" or "uint32"
    + default: what --help shows as such
    + must: whether the command needs it
    """

    long: str
    short: str
    text: str
    takes: str = ""
    default: str = ""
    must: bool = False

    def __str__(self) -> str:
        return f"-{self.short}, --{self.long}" if self.short else f"--{self.long}"


@dataclass(frozen=True)
class Command:
    """A command, or a group of commands.

    + simulated: whether options and arguments are known here
    + arguments: the names of its arguments, each of which may be left out
    """

    name: str
    text: str
    commands: tuple["Command", ...] = ()
    options: tuple[Option, ...] = ()
    arguments: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    simulated: bool = False

    def sub(self, word: str) -> "Command | None":
        """The command below this one that the word names."""
        return next((c for c in self.commands if word == c.name or word in c.aliases), None)

    def names(self) -> list[str]:
        """What may follow it."""
        return sorted(command.name for command in self.commands)


GLOBAL = (
    Option("allow-proxy", "", "Allow proxy configuration via environment"),
    Option(
        "host-list",
        "l",
        "A comma separated list of addresses <ipv4addr/hostname> to connect to",
        "string",
    ),
    Option("insecure", "i", "Have dmg attempt to connect without certificates"),
    Option("debug", "d", "Enable debug output"),
    Option("json", "j", "Enable JSON output"),
    Option("json-logging", "J", "Enable JSON-formatted log output"),
    Option("config-path", "o", "Client config file path", "string"),
)
_GLOBAL_1 = {
    "host-list": "comma separated list of addresses <ipv4addr/hostname>",
    "insecure": "have dmg attempt to connect without certificates",
    "debug": "enable debug output",
}
HELP = Option("help", "h", "Show this help message")


def _other(name: str, text: str, *aliases: str) -> Command:
    """A command that the lab does not simulate."""
    return Command(name, text, aliases=aliases)


def _does(
    name: str, text: str, *options: Option, arguments: tuple[str, ...] = (), alias: str = ""
) -> Command:
    aliases = (alias,) if alias else ()
    return Command(name, text, (), options, arguments, aliases, simulated=True)


_RANKS = (
    Option(
        "ranks", "r", "Comma separated ranges or individual system ranks to operate on", "string"
    ),
    Option(
        "rank-hosts",
        "",
        "Hostlist representing hosts whose managed ranks are to be operated on",
        "string",
    ),
)
_LISTED = (
    Option("verbose", "v", "Add pool UUIDs and service replica lists to display"),
    Option("no-query", "n", "Disable query of listed pools"),
)
_SYSTEM = (
    _does("erase", "Erase system metadata prior to reformat"),
    _does("leader-query", "Query for current Management Service leader"),
    _does("list-pools", "List all pools in the DAOS system", *_LISTED),
    _does(
        "query",
        "Query DAOS system status",
        *_RANKS,
        Option("verbose", "v", "Display more member details"),
    ),
    _does("start", "Perform start of stopped DAOS system", *_RANKS),
    _does(
        "stop",
        "Perform controlled shutdown of DAOS system",
        *_RANKS,
        Option("force", "", "Force stop DAOS system members"),
    ),
)
_ID = ("<pool name or UUID>",)
_CREATE = (
    Option("group", "g", "DAOS pool to be owned by given group, format name@domain", "string"),
    Option("user", "u", "DAOS pool to be owned by given user, format name@domain", "string"),
    Option("label", "p", "Unique label for pool (deprecated, use positional argument)", "string"),
    Option("properties", "P", "Pool properties to be set", "string"),
    Option("acl-file", "a", "Access Control List file path for DAOS pool", "string"),
    Option("size", "z", "Total size of DAOS pool (auto)", "string"),
    Option(
        "tier-ratio",
        "t",
        "Percentage of storage tiers for pool storage (auto)",
        "string",
        default="6,94",
    ),
    Option("nranks", "k", "Number of ranks to use (auto)", "uint32"),
    Option("nsvc", "v", "Number of pool service replicas", "uint32"),
    Option("scm-size", "s", "Per-server SCM allocation for DAOS pool (manual)", "string"),
    Option("nvme-size", "n", "Per-server NVMe allocation for DAOS pool (manual)", "string"),
    Option("ranks", "r", "Storage server unique identifiers (ranks) for DAOS pool", "string"),
)
_DESTROY = Option("force", "f", "Force removal of DAOS pool")
_REINTEGRATE = (
    Option("rank", "", "Rank of the targets to be reintegrated", "uint32", must=True),
    Option(
        "target-idx",
        "",
        "Comma-separated list of target idx(s) to be reintegrated into the rank",
        "string",
    ),
)
_PROPERTIES = "pool properties to get (key[,key...])"
_POOL = (
    _does("create", "Create a DAOS pool", *_CREATE, arguments=("<pool label>",)),
    _does("destroy", "Destroy a DAOS pool", _DESTROY, arguments=_ID),
    _does("evict", "Evict all pool connections to a DAOS pool", arguments=_ID),
    _does("list", "List DAOS pools", *_LISTED, alias="ls"),
    _other("extend", "Extend a DAOS pool to include new ranks."),
    _other("exclude", "Exclude targets from a rank"),
    _other("drain", "Drain targets from a rank"),
    _does(
        "reintegrate",
        "Reintegrate targets for a rank",
        *_REINTEGRATE,
        arguments=_ID,
        alias="reint",
    ),
    _does("query", "Query a DAOS pool", arguments=_ID),
    _other("get-acl", "Get a DAOS pool's Access Control List"),
    _other("overwrite-acl", "Overwrite a DAOS pool's Access Control List"),
    _other("update-acl", "Update entries in a DAOS pool's Access Control List"),
    _other("delete-acl", "Delete an entry from a DAOS pool's Access Control List"),
    _other("set-prop", "Set pool property"),
    _does("get-prop", "Get pool properties", arguments=(*_ID, _PROPERTIES)),
)
_FORMAT = _does(
    "format",
    "Format SCM and NVMe storage attached to remote servers.",
    Option("verbose", "v", "Show results of each SCM & NVMe device format operation"),
    Option("reformat", "", "Alias for --force, will be removed in a future release"),
    Option(
        "force",
        "",
        "Force storage format on a host, stopping any running engines"
        " (CAUTION: destructive operation)",
    ),
)
_USAGE = "Show SCM & NVMe storage space utilization per storage server"
_QUERY = Command(
    "query",
    "Query storage commands, including raw NVMe SSD device health stats and internal blobstore"
    " health info.",
    (
        _other("device-health", "Query the device health"),
        _other("list-devices", "List storage devices on the server"),
        _other("list-pools", "List pools on the server"),
        _other("target-health", "Query the target health"),
        _does("usage", _USAGE),
    ),
)
_STORAGE = (
    _FORMAT,
    _other("identify", "Blink the status LED on a given VMD device for visual SSD identification."),
    _QUERY,
    _other("replace", "Replace a storage device that has been hot-removed with a new device."),
    _other("scan", "Scan SCM and NVMe storage attached to remote servers."),
    _other("set", "Manually set the device state."),
)
_SCAN = _does(
    "scan",
    "Scan for network interface devices on remote servers",
    Option(
        "provider",
        "p",
        "Filter device list to those that support the given OFI provider or 'all' for all"
        " available (default is the provider specified in daos_server.yml)",
        "string",
    ),
)
_GENERATE = _other(
    "generate",
    "Generate DAOS server configuration file based on discoverable hardware devices",
    "gen",
)
_LOGMASKS = _other(
    "set-logmasks",
    "Set log masks for a set of facilities to a given level. Setting will be applied to all"
    " running DAOS I/O Engines present in the configured dmg hostlist.",
    "slm",
)
_OWNER = _other("set-owner", "Change the owner for a DAOS container")
_TELEMETRY = (
    _other("config", "Configure telemetry"),
    _other("metrics", "Interact with metrics"),
)
_VERSION = _does("version", "Print dmg version")


def _tasks(
    name: str, alias: str, what: str, commands: tuple[Command, ...], verb: str = "tasks"
) -> Command:
    aliases = (alias,) if alias else ()
    return Command(name, f"Perform {verb} {what}", commands, aliases=aliases)


_ABOUT = (
    "dmg (DAOS Management) is a tool for connecting to DAOS servers\n"
    "for the purpose of issuing administrative commands to the cluster. dmg is\n"
    "provided as a means for allowing administrators to securely discover and\n"
    "administer DAOS components such as storage allocations, network configuration,\n"
    "and access control settings, along with system wide operations."
)
DMG = Command(
    "dmg",
    _ABOUT,
    (
        _tasks("server", "srv", "related to remote servers", (_LOGMASKS,)),
        _tasks("storage", "sto", "related to storage attached to remote servers", _STORAGE),
        _tasks(
            "config", "cfg", "related to configuration of hardware on remote servers", (_GENERATE,)
        ),
        _tasks("system", "sys", "related to DAOS system", _SYSTEM, "distributed tasks"),
        _tasks("network", "net", "related to network devices attached to remote servers", (_SCAN,)),
        _tasks("pool", "", "related to DAOS pools", _POOL),
        _tasks("container", "cont", "related to DAOS containers", (_OWNER,)),
        _VERSION,
        _tasks("telemetry", "telem", "operations", _TELEMETRY, "telemetry"),
    ),
    GLOBAL,
)


# Release 1.2, where it is different


def _aliased(commands: tuple[Command, ...], aliases: str) -> tuple[Command, ...]:
    """These commands with the short names that 1.2 has for them: "erase:e query:q"."""
    short = dict(pair.split(":") for pair in aliases.split())
    return tuple(
        replace(command, aliases=(short[command.name],) if command.name in short else ())
        for command in commands
    )


_POOL_1 = Option("pool", "", "Unique ID of DAOS pool", "string", must=True)
_CREATE_1 = (
    *_CREATE[:2],
    Option("name", "p", "Unique name for pool (set as label)", "string"),
    *_CREATE[4:6],
    Option(
        "scm-ratio", "t", "Percentage of SCM:NVMe for pool storage (auto)", "string", default="6"
    ),
    *_CREATE[7:],
    Option("sys", "S", "DAOS system that pool is to be a part of", "string", default="daos_server"),
)
_EVICT_1 = Option(
    "sys",
    "S",
    "DAOS system that the pools connections be evicted from.",
    "string",
    default="daos_server",
)


def _pool_of_1_2(command: Command) -> Command:
    options = {"create": _CREATE_1, "evict": (_POOL_1, _EVICT_1), "list": ()}
    named = (_POOL_1, *command.options)
    return replace(command, arguments=(), options=options.get(command.name, named))


_SYSTEM_1 = tuple(replace(c, options=()) if c.name == "list-pools" else c for c in _SYSTEM)
_POOLS_1 = tuple(_pool_of_1_2(c) for c in _POOL if c.name != "get-prop")
_ASKED_1 = "device-health:d list-devices:d list-pools:p target-health:t usage:u"
_QUERY_1 = replace(
    _QUERY, commands=_aliased((*_QUERY.commands[:-1], _other("usage", _USAGE)), _ASKED_1)
)
_STORAGE_1 = (
    *(_QUERY_1 if c is _QUERY else c for c in _STORAGE),
    _other("prepare", "Prepare SCM and NVMe storage attached to remote servers."),
)
DMG_1 = Command(
    "dmg",
    "",
    (
        _tasks(
            "storage",
            "st",
            "related to storage attached to remote servers",
            _aliased(_STORAGE_1, "format:f identify:i prepare:p query:q replace:r scan:s set:s"),
        ),
        _tasks(
            "config",
            "co",
            "related to configuration of hardware remote servers",
            _aliased((_GENERATE,), "generate:g"),
        ),
        _tasks(
            "system",
            "sy",
            "related to DAOS system",
            _aliased(_SYSTEM_1, "erase:e leader-query:l list-pools:p query:q start:r stop:s"),
            "distributed tasks",
        ),
        _tasks("network", "n", "related to network devices attached to remote servers", (_SCAN,)),
        _tasks(
            "pool",
            "p",
            "related to DAOS pools",
            _aliased(
                _POOLS_1,
                "create:c delete-acl:da destroy:d drain:d evict:ev exclude:e extend:ext get-acl:ga"
                " list:l overwrite-acl:oa query:q reintegrate:r set-prop:sp update-acl:ua",
            ),
        ),
        _tasks("cont", "c", "related to DAOS containers", (_OWNER,)),
        _VERSION,
    ),
    tuple(replace(o, text=_GLOBAL_1.get(o.long, o.text)) for o in GLOBAL),
)
