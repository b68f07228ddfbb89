"""What a release wants of the servers it starts on, beside packages and DAOS's configuration."""

from collections.abc import Iterator

import yaml

from ..daos import releases, yaml_text
from ..machinery import hosts
from ..machinery.run import Run
from ..machinery.session import SERVER_FILE
from ..rules.findings import Finding, for_each

_ENABLED = "/sys/kernel/mm/transparent_hugepage/enabled"
# A kernel that has none of them has no such file.
_LINE = f"if [ -e {_ENABLED} ]; then cat {_ENABLED}; else echo '[never]'; fi; cat {SERVER_FILE}"
_TIMEOUT = 30  # seconds


def huge_pages(current: Run) -> Iterator[Finding]:
    """Servers on which the target would not start, since transparent huge pages are on.

    2.6.5 and later refuse to, so that a mere fix level may fail; to switch them off takes a reboot.
    Source: prepBdevStorage in src/control/server/server_utils.go of v2.6.5.
    """
    if not releases.refuses_transparent_pages(current.target):
        return
    servers = [current.host(name) for name in current.start.of("servers")]
    said = hosts.at_once(servers, lambda it: hosts.command(current.state, it, _LINE, _TIMEOUT))
    yield from for_each(
        "huge-pages",
        (
            # Where the file alone cannot be read, what the kernel says may do.
            (host.name, in_the_way(output) if output else f"{_ENABLED}: {errors.strip()}")
            for host, (_, output, errors) in said.items()
        ),
    )


def in_the_way(said: str) -> str | None:
    """What is wrong with a server; None where nothing is.

    + said: the kernel's line about transparent huge pages, and then daos_server.yml
    """
    enabled, _, file = said.partition("\n")
    if "[never]" in enabled:
        return None
    try:
        told = yaml_text.read(file)
    except yaml.YAMLError as problem:
        return f"{SERVER_FILE} cannot be read: {problem}"
    if isinstance(told, dict) and (told.get("allow_thp") or told.get("disable_hugepages")):
        return None
    return (
        f"{_ENABLED} says {enabled!r}, and daos_server of the target starts only where it says "
        "never: add transparent_hugepage=never to the kernel's command line (`grubby "
        "--update-kernel=ALL --args=transparent_hugepage=never`) and reboot, or set allow_thp: "
        f"true in {SERVER_FILE}"
    )
