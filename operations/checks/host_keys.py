"""Nodes that show a host key which nobody has seen: who they are is not known."""

import shlex
from collections.abc import Iterator, Mapping

from pyinfra.api import State

from ..daos.node_sets import fold
from ..machinery import commandline
from ..machinery.host_keys import SETTING, WORDS, Refused
from ..rules.findings import Finding, grouped

_COMPARE = (
    "say yes only if the fingerprint that it shows is the one on its console (`ssh-keygen -lf "
    "/etc/ssh/ssh_host_ed25519_key.pub` there, or the file of the kind that is asked about)"
)
_AUTHORITY = (
    ". A @cert-authority in known_hosts is of no use to pyinfra, which needs the node's own key"
)


def findings(said: Mapping[str, Refused]) -> Iterator[Finding]:
    """What is wrong with these nodes, and what to type; argument as of `host_keys.strangers`."""
    # Who is asked for by their own names have one sentence.
    alike = grouped((name, _what(name, problem)) for name, problem in said.items())
    for names in alike.values():
        problem = said[names[0]]
        several = len(names) > 1
        yield Finding(
            "unknown-host-key" if problem.state == "unknown" else "changed-host-key",
            tuple(names),
            _message(problem, "NODE" if several else ""),
        )


def _what(name: str, problem: Refused) -> tuple[str, ...]:
    own = [it for it in (problem.typed, problem.name) if it != name]
    return (problem.state, str(problem.path), str(problem.authority), *own)


def _message(problem: Refused, node: str) -> str:
    """What is wrong, and what to type.

    + node: what stands for the names of several nodes; "" where there is one
    """
    typed, name = node or problem.typed, node or problem.name
    ssh = " ".join(["ssh", *_ssh_config(), "-o StrictHostKeyChecking=ask", typed])
    if problem.state == "unknown":
        more = _AUTHORITY if problem.authority else ""
        return (
            f"no host key of it stands in {problem.path}, so nobody knows who would be talked to: "
            f"type `{ssh}` once, and {_COMPARE}{more}"
        )
    forget = f"ssh-keygen -R {shlex.quote(name)} -f {shlex.quote(str(problem.path))}"
    what = "is revoked in" if problem.state == "revoked" else "is another one than that in"
    return (
        f"its host key {what} {problem.path}: somebody may have put himself in its place. Find "
        "out why before anything else (was it installed anew?). Where that is how it has to be, "
        f"`{forget}` forgets the old key; then type `{ssh}` once, and {_COMPARE}"
    )


def _ssh_config() -> list[str]:
    return [f"-F {shlex.quote(path)}" for path in commandline.ssh_configs()[-1:]]


def settings(state: State) -> Iterator[Finding]:
    """Nodes for which it is said in no known word how strictly host keys are checked."""
    given = ((host.name, host.data.get(SETTING)) for host in state.inventory)
    wrong = ((name, None if word in (None, *WORDS) else repr(word)) for name, word in given)
    for word, names in grouped(wrong).items():
        message = f"{SETTING} is {word}; there are {', '.join(WORDS)}: correct it, or leave it out"
        yield Finding("bad-setting", tuple(names), message)


def left_out(said: Mapping[str, Refused]) -> Iterator[str]:
    """What has to be said of such nodes that a run goes without."""
    for finding in findings(said):
        yield f"{fold(finding.hosts)} [{finding.code}]: {finding.message}"
