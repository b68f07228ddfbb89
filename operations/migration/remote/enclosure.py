"""A view of the node in which a program finds nothing but what it needs: for dcp, run by root.

dcp is told paths, and the owner of a folder in them may replace it by a link at any moment. So each
process of it runs in a mount namespace of its own (unshare(2)) whose root holds the two trees, the
programs and libraries of the system, and what MPI and libdaos talk to. There is no /proc in it, by
which every process has a way back to the whole system, but for a few files about the machine; of
/dev there is what has no end and no effect; of /etc what names users, hosts and libraries.
"""

import argparse
import ctypes
import os
from typing import Iterable, List, NoReturn

from .failure import Failure, text

_CLONE_NEWNS = 0x20000
_RDONLY, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 32, 4096, 16384, 1 << 18
# As in every system; what is a link there is one here.
_PROGRAMS = (b"/usr", b"/bin", b"/sbin", b"/lib", b"/lib32", b"/lib64", b"/libx32", b"/opt")
_ETC = b"alternatives group host.conf hosts ld.so.cache libibverbs.d libnl localtime mpich"
_ETC += b" nsswitch.conf passwd rdma resolv.conf"
_READ_ONLY = (
    *_PROGRAMS,
    *(b"/etc/" + name for name in _ETC.split()),
    *(b"/proc/cpuinfo", b"/proc/filesystems", b"/proc/meminfo", b"/proc/stat", b"/sys"),
)
_DEVICES = (b"/dev/null", b"/dev/random", b"/dev/urandom", b"/dev/shm", b"/dev/infiniband")
_AGENT = b"/run/daos_agent"
# Each process has its own root mounted here, which nobody else sees. Linux removes no folder that
# is a mount where it is asked to, so it is the same one for all, and stays until a reboot.
_ROOT = b"/run/daos-offline-update.view"
_libc = ctypes.CDLL(None, use_errno=True)


def run(options: argparse.Namespace, command: List[str]) -> NoReturn:
    """Become a program that finds these folders alone. Raises Failure and OSError.

    + options.see: folders that it works on
    + options.needs: folders that it needs besides, as those of its own libraries
    + options.preload: the library that it is given as LD_PRELOAD; None for none
    """
    environment = dict(os.environb)
    if options.preload:
        environment[b"LD_PRELOAD"] = os.fsencode(options.preload)
    # As daos_agent and libdaos call the folder of the socket.
    agent = os.environb.get(b"DAOS_AGENT_DRPC_DIR", _AGENT)
    given = [os.path.normpath(os.fsencode(path)) for path in (*options.see, *options.needs)]
    _enter([*_DEVICES, *_fabric(), os.path.realpath(agent), *given])
    try:
        os.execvpe(os.fsencode(command[0]), [os.fsencode(word) for word in command], environment)
    except OSError as error:
        raise Failure(
            "{}: {}. It sees of this node only {} and what it copies: name the folders that it "
            "needs besides in copy_needs (group_data/all.py)".format(
                command[0], error.strerror, text(b", ".join(_PROGRAMS))
            )
        ) from error


def _fabric() -> Iterable[bytes]:
    """The devices of Omni-Path, one for each adapter."""
    return (b"/dev/" + name for name in sorted(os.listdir(b"/dev")) if name.startswith(b"hfi1"))


def _enter(writable: Iterable[bytes]) -> None:
    """Have a root that holds these folders, and what everybody may read."""
    os.makedirs(_ROOT, 0o700, exist_ok=True)
    _check(_libc.unshare(_CLONE_NEWNS), b"a mount namespace")
    _mount(b"none", b"/", _REC | _PRIVATE)  # nothing of it is seen outside
    _mount(b"none", _ROOT, 0, b"tmpfs", b"mode=755")
    for name, mode in ((b"/tmp", 0o1777), (b"/var", 0o755), (b"/run", 0o755)):
        os.mkdir(_ROOT + name)
        os.chmod(_ROOT + name, mode)
    os.symlink(b"../run", _ROOT + b"/var/run")
    for path in _READ_ONLY:
        if os.path.islink(path):  # /bin, to /usr/bin
            os.makedirs(os.path.dirname(_ROOT + path), exist_ok=True)
            os.symlink(os.readlink(path), _ROOT + path)
        else:
            _show(path, _BIND | _REMOUNT | _RDONLY)
    for path in writable:
        _show(path, 0)
    os.chroot(_ROOT)
    os.chdir(b"/")


def _show(path: bytes, again: int) -> None:
    """Have a file or folder in the new root; one that is not there is not there either."""
    place = _ROOT + path
    if not os.path.exists(path):
        return
    os.makedirs(os.path.dirname(place), exist_ok=True)
    if os.path.isdir(path):
        os.makedirs(place, exist_ok=True)
    else:
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT, 0o600))
    _mount(path, place, _BIND | (0 if again else _REC))
    if again:
        _mount(b"none", place, again | _kept(place))


def _kept(place: bytes) -> int:
    """The flags of a mount that cannot be taken off it: nosuid, nodev, noexec."""
    return os.statvfs(place).f_flag & (2 | 4 | 8)


def _mount(source: bytes, target: bytes, flags: int, kind: bytes = b"", data: bytes = b"") -> None:
    _check(_libc.mount(source, target, kind, ctypes.c_ulong(flags), data), target)


def _check(result: int, what: bytes) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
