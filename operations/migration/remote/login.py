"""Root's login from the client that starts a parallel copy to the others, for that copy alone.

mpirun starts its processes by ssh. For each copy a key is made on the client that starts it, which
never leaves that client, and is put on the others with what it may do there (`entrance`).
"""

import argparse
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
from typing import Any, Dict, List, Tuple, Union

from . import TOOL, authorized, entrance, files, jobs
from .failure import Failure, text

KEY, LAUNCHER, NOTE = b"key", b"ssh", b"entrance.json"
# mpirun would wait for ever for a client that does not let it in.
_LAUNCHER = """\
#!/bin/sh
# What mpirun calls for ssh. Where nobody is let in, it ends mpirun, once that has read why.
ssh -F {}/config "$@" &
trap "kill $!" TERM INT HUP
wait $!
code=$?
[ $code != {} ] || {{ sleep 1; kill $PPID; }}
exit $code
"""
_KINDS = ["ed25519", "ecdsa"]  # the first is not for systems in FIPS mode
_DAYS = 7  # until a key that nobody takes back is worth nothing, where sshd knows of such an end
_EXPIRES = (7, 7)  # of OpenSSH
_UNPRIVILEGED = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
_USUAL = ".ssh/authorized_keys"
_PLAIN = "[A-Za-z0-9/._+-]+"
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin"


def make(options: argparse.Namespace) -> Dict[str, Any]:
    """Make a key in a folder that root alone can enter, in place of what is there.

    Tells the public key; from which addresses each host is reached; what mpirun may call this
    client; and where MPICH may be.
    """
    if _first_for_all() < entrance.RESERVED:
        raise Failure(
            "every user may listen on ports that are root's elsewhere: type `sysctl -w "
            "net.ipv4.ip_unprivileged_port_start={}` there".format(entrance.RESERVED)
        )
    sources = {host: _sources(host) for host in options.to}
    folder = own_folder(options.folder, empty=True)
    public = _generate(os.path.join(folder, KEY))
    _write_launcher(folder)
    addresses = sorted({address for found in sources.values() for address in found})
    return {
        "public": public,
        "sources": sources,
        "mpirun": [socket.gethostname(), *addresses],
        "programs": _programs(options.mpirun),
    }


def describe(options: argparse.Namespace) -> Dict[str, Any]:
    """On which port sshd listens here, and by which keys one knows it."""
    said = _sshd()
    keys = [_host_key(path) for path in said.get("hostkey", [])]
    return {"port": said.get("port", ["22"])[0], "keys": [key for key in keys if key]}


def admit(options: argparse.Namespace) -> Dict[str, Any]:
    """Let a key in here, to start what mpirun starts, once."""
    path = _authorized_keys(options.name, options.source[0])
    folder = own_folder(options.folder)
    note = os.path.join(folder, NOTE)
    known = {"authorized": text(path), "programs": options.program, "mpirun": options.control}
    files.save(note, {**known, "launcher": text(os.path.join(folder, LAUNCHER))})
    words = [sys.executable, "-I", text(TOOL), "login", "enter", text(note)]
    for word in words:
        if not re.fullmatch(_PLAIN, word):
            raise Failure("{}: sshd would not take this path for one word".format(word))
    limits = ["restrict", 'from="{}"'.format(",".join(options.source))]
    if _openssh() >= _EXPIRES:
        end = time.localtime(time.time() + _DAYS * 86400)
        limits.append(time.strftime('expiry-time="%Y%m%d%H%M"', end))
    limits.append('command="{}"'.format(" ".join(words)))
    authorized.add(path, "{} {}".format(",".join(limits), options.key).encode("ascii"))
    _relabel(path)
    return {"file": text(path)}


def withdraw(options: argparse.Namespace) -> Dict[str, Any]:
    """Take back what `make` and `admit` have left here, unless a copy runs here that may need it.

    Tells whether one does, and whether there was a key.
    """
    if options.jobs and jobs.running(os.fsencode(options.jobs), "copy"):
        return {"copying": True, "was_there": False}
    folder = os.fsencode(options.folder)
    known = files.load(os.path.join(folder, NOTE)) or {}
    paths = [os.fsencode(known["authorized"])] if "authorized" in known else _usual()
    was_there = [authorized.remove(path) for path in paths]
    forget(folder)
    return {"copying": False, "was_there": any(was_there)}


def forget(folder: bytes) -> None:
    """Remove a folder of ours with all that is in it, if it is there."""
    if os.path.lexists(folder):
        shutil.rmtree(own_folder(folder), ignore_errors=True)


def own_folder(path: Union[bytes, str], empty: bool = False) -> bytes:
    """Make a folder that root alone can enter, or see that it is one. Raises Failure.

    + empty: whether to remove what is in it
    """
    folder = os.fsencode(path)
    os.makedirs(os.path.dirname(folder), mode=0o755, exist_ok=True)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        state = os.lstat(folder)
        mine = state.st_uid == os.geteuid() and not state.st_mode & 0o077
        if not stat.S_ISDIR(state.st_mode) or not mine:
            raise Failure("{}: this is no folder of root alone".format(text(folder))) from None
        for name in os.listdir(folder) if empty else ():
            os.unlink(os.path.join(folder, name))
    return folder


def _first_for_all() -> int:
    """The first port that every user may listen on."""
    try:
        with open(_UNPRIVILEGED) as file:
            return int(file.read())
    except FileNotFoundError:  # Linux before 4.11
        return entrance.RESERVED


def _sources(host: str) -> List[str]:
    """The addresses that this client has for a host when it talks to it."""
    found = set()
    try:
        answers = socket.getaddrinfo(host, 22, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise Failure("{} has no address here: {}".format(host, error.strerror)) from error
    for family, kind, _, _, place in answers:
        with socket.socket(family, kind) as probe:
            try:
                probe.connect(place)  # sends nothing
            except OSError:
                continue
            found.add(str(probe.getsockname()[0]))
    if not found:
        raise Failure("{} cannot be reached from here".format(host))
    return sorted(found)


def _generate(key: bytes) -> str:
    said = ""
    for kind in _KINDS:
        words = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", text(key)]
        code, said = _run(words)
        if code == 0:
            with open(key + b".pub") as file:
                return " ".join(file.read().split()[:2])
    raise Failure("ssh-keygen makes no key: {}".format(said))


def _write_launcher(folder: bytes) -> None:
    path = os.path.join(folder, LAUNCHER)
    with open(path, "w") as file:
        file.write(_LAUNCHER.format(text(folder), entrance.REFUSED))
    os.chmod(path, 0o700)
    if not os.access(path, os.X_OK):
        raise Failure("{}: nothing can be run from there (noexec)".format(text(path)))


def _programs(mpirun: str) -> List[str]:
    """Where the programs of MPICH may be: where mpirun is, and where a link from there leads."""
    found = shutil.which(mpirun)
    if found is None:
        raise Failure("{}: there is no such program".format(mpirun))
    return sorted({os.path.dirname(place) for place in (found, os.path.realpath(found))})


def _sshd(*words: str) -> Dict[str, List[str]]:
    """What sshd here goes by: each of its options, with the words behind it."""
    program = shutil.which("sshd", path=_PATH) or "/usr/sbin/sshd"
    code, said = _run([program, "-T", *words])
    if code:
        raise Failure("`{} -T` does not say what sshd goes by: {}".format(program, said))
    found: Dict[str, List[str]] = {}
    for line in said.splitlines():
        name, *values = line.split() or [""]
        found.setdefault(name.lower(), []).extend(values)
    return found


def _authorized_keys(name: str, address: str) -> bytes:
    """The file where sshd looks for keys of root who comes from there. Raises Failure."""
    said = _sshd("-C", "user=root,host={},addr={}".format(name, address))
    if said.get("permitrootlogin") == ["no"] or said.get("pubkeyauthentication") == ["no"]:
        raise Failure(
            "its sshd lets root in by no key (PermitRootLogin, PubkeyAuthentication): put `Match "
            "User root Address {}`, `PermitRootLogin forced-commands-only` and "
            "`PubkeyAuthentication yes` at the end of /etc/ssh/sshd_config there, and type "
            "`systemctl reload sshd`".format(address)
        )
    path = said.get("authorizedkeysfile", [_USUAL])[0]
    if path == "none":
        raise Failure(
            "its sshd looks for keys in no file (AuthorizedKeysFile none): set "
            "`AuthorizedKeysFile .ssh/authorized_keys` in /etc/ssh/sshd_config there, for `Match "
            "User root Address {}`".format(address)
        )
    return _expand(path)


def _usual() -> List[bytes]:
    """The files where a key of ours may be, by what sshd goes by for whoever comes."""
    try:
        named = _sshd().get("authorizedkeysfile", [_USUAL])
    except Failure:  # no sshd, and nobody comes
        named = [_USUAL]
    return [_expand(path) for path in named if path != "none"]


def _expand(path: str) -> bytes:
    """The file that sshd has in mind, for root."""
    home = text(authorized.home())
    for mark, value in (("%h", home), ("%u", "root"), ("%U", "0"), ("%%", "%")):
        path = path.replace(mark, value)
    return os.fsencode(os.path.join(home, path))


def _host_key(path: str) -> str:
    """The public half of a host key: kind and key, "" where there is none."""
    try:
        with open(path + ".pub") as file:
            said = file.read()
    except OSError:
        said = _run(["ssh-keygen", "-y", "-P", "", "-f", path])[1]
    words = said.split()[:2]
    return " ".join(words) if len(words) == 2 else ""


def _openssh() -> Tuple[int, ...]:
    found = re.search(r"OpenSSH_([0-9]+)\.([0-9]+)", _run(["ssh", "-V"])[1])
    return tuple(map(int, found.groups())) if found else (0, 0)


def _relabel(path: bytes) -> None:
    """SELinux lets sshd read what has the label for that."""
    program = shutil.which("restorecon", path=_PATH)
    if program:
        _run([program, text(os.path.dirname(path)), text(path)])


def _run(words: List[str]) -> Tuple[int, str]:
    """A program's exit code, and what it said."""
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise Failure("{}: {}".format(words[0], error.strerror)) from error
    return done.returncode, done.stdout.decode("utf-8", "replace").strip()


_COMMANDS = {"make": make, "describe": describe, "admit": admit, "withdraw": withdraw}


def manage(argv: List[str], parser: argparse.ArgumentParser) -> Dict[str, Any]:
    """Do what a command line that begins with "login" says. Raises Failure and OSError."""
    if argv[:1] == ["enter"] and len(argv) == 2:
        entrance.enter(os.fsencode(argv[1]))
    parser.add_argument("what", choices=sorted(_COMMANDS))
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("--to", action="append", default=[], metavar="HOST")
    parser.add_argument("--name", default="", help="of the client that the key is on")
    parser.add_argument("--source", action="append", default=[], metavar="ADDRESS")
    parser.add_argument("--key", default="", metavar="PUBLIC")
    parser.add_argument("--program", action="append", default=[], metavar="FOLDER")
    parser.add_argument("--control", action="append", default=[], metavar="HOST")
    parser.add_argument("--mpirun", default="mpirun", metavar="PATH")
    parser.add_argument("--jobs", default="", metavar="FOLDER")
    options = parser.parse_args(argv)
    return _COMMANDS[options.what](options)
