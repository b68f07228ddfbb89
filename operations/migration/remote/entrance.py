"""What the key of a parallel copy may do on a client: one thing, once.

sshd runs `enter` as the forced command of the key. It starts the proxy by which MPICH's mpirun
starts its processes, and takes the key back. No shell reads what was asked for.

The proxy runs whatever the mpirun that it is told of asks for. So that has to be one of root on the
client that copies: it listens on a port that no other user can have. The options are those of MPICH
3.0 to 4.3 (fill_in_proxy_args in src/pm/hydra/.../pmiserv_utils.c).
"""

import os
import re
import shlex
import sys
from typing import Any, Dict, List, NoReturn

from . import authorized, files
from .failure import Failure

PROXY = "hydra_pmi_proxy"
REFUSED = 255  # as ssh itself ends where nobody is let in
RESERVED = 1024  # the first port that is not for root alone

_WORD, _NUMBER, _NOTHING = r"[A-Za-z0-9_.,:+-]{1,200}", r"-?[0-9]{1,9}", None
# Those of control-port and launcher-exec are looked at more closely.
_OPTIONS = {
    "--control-port": r"\S{1,300}",
    "--debug": _NOTHING,
    "--report-bindings": _NOTHING,
    "--rmk": _WORD,
    "--launcher": "ssh",
    "--launcher-exec": r"\S{1,300}",
    "--demux": _WORD,
    "--iface": _WORD,
    "--topolib": _WORD,
    "--pgid": _NUMBER,
    "--retries": _NUMBER,
    "--usize": _NUMBER,
    "--pmi-port": _NUMBER,
    "--gpus-per-proc": _NUMBER,
    "--gpu-subdevs-per-proc": _NUMBER,
    "--memory-alloc-kinds": _WORD,
    "--proxy-id": _NUMBER,
}


def enter(note: bytes) -> NoReturn:
    """Become the proxy that mpirun asked for by ssh, if it is one; else say why not, and end.

    + note: the file with what `judge` needs, and `authorized`, the file that holds the key
    """
    try:
        known = files.load(note)
        if not known:
            raise Failure("no copy is being started here")
        words = judge(os.environ.get("SSH_ORIGINAL_COMMAND", ""), known)
        authorized.remove(os.fsencode(known["authorized"]))
        os.execv(words[0], words)
    except (Failure, OSError) as problem:
        print("daos-offline-update: {}".format(problem), file=sys.stderr, flush=True)
        sys.exit(REFUSED)


def judge(asked: str, known: Dict[str, Any]) -> List[str]:
    """The words of a command that may be run. Raises Failure where it may not.

    + asked: what ssh was told to run
    + known: `mpirun`, the names and addresses of the client that mpirun runs on; `launcher`, what
      it calls for ssh; `programs`, the folders that MPICH's programs may be in
    """
    try:
        program, *options = shlex.split(asked)
    except ValueError:
        raise Failure("this key starts nothing but {}".format(PROXY)) from None
    folder, name = os.path.split(program)
    if name != PROXY or not os.path.isabs(program) or os.path.normpath(program) != program:
        raise Failure("this key starts nothing but {}".format(PROXY))
    if folder not in known["programs"] and not _of_root(program):
        raise Failure("{}: this is not where the MPICH of mpirun is".format(program))
    values = _values(options)
    _check_control(values.get("--control-port", ""), known["mpirun"])
    if values.get("--launcher-exec") != known["launcher"]:
        raise Failure("mpirun was not started by daos-offline-update")
    return [program, *options]


def _values(options: List[str]) -> Dict[str, str]:
    """Each option once, with a value that it may have."""
    found: Dict[str, str] = {}
    words = iter(options)
    for option in words:
        if option not in _OPTIONS or option in found:
            raise Failure("{} has no business with {}".format(option[:200], PROXY))
        pattern = _OPTIONS[option]
        value = "" if pattern is None else next(words, "")
        if pattern is not None and not re.fullmatch(pattern, value):
            raise Failure("{} {} is nothing that mpirun says".format(option, value[:200]))
        found[option] = value
    return found


def _check_control(where: str, mpirun: List[str]) -> None:
    host, _, port = where.rpartition(":")
    if host not in mpirun:
        raise Failure("{} is not where mpirun runs: {}".format(where, " or ".join(mpirun)))
    if not re.fullmatch("[1-9][0-9]{0,4}", port) or int(port) >= RESERVED:
        raise Failure(
            "{}: any user may listen on that port. Take MPIR_CVAR_CH3_PORT_RANGE, "
            "MPICH_PORT_RANGE and the like out of root's environment there".format(where)
        )


def _of_root(program: str) -> bool:
    """Whether root alone can have put a program, and every folder above it, where it is."""
    place = os.path.realpath(program)
    while True:
        try:
            state = os.stat(place)
        except OSError:
            return False
        if not authorized.is_ours_alone(state):
            return False
        if place == "/":
            return True
        place = os.path.dirname(place)
