"""The commands and their options."""

import argparse
import os
import sys
from typing import Any, Callable, Dict, List, NoReturn, Optional

from . import TOOL, copying, enclosure, jobs, login, parallel, proof
from .beneath import ROOT
from .container import Container
from .failure import Failure, text
from .jobs import Answer
from .progress import Progress
from .tree import FILE, FOLDER, LINK, files, size, walk
from .way import Way

_WRONG = ("changed", "vanished", "new", "missing", "extra", "differing")


def run(argv: List[str], progress: Progress) -> Answer:
    """Do what a command line says: exit code 0 or 1, and what is printed.

    Raises Failure and OSError.
    """
    options = _options(argv)
    _check_mounted(options.mounted)
    answer = _COMMANDS[options.command](options, progress)
    _check_mounted(options.mounted)
    return int(any(answer.get(kind) for kind in _WRONG)), answer


def manage(argv: List[str], work: jobs.Work) -> Dict[str, Any]:
    """Do what a command line that begins with "job" says; `work` does what the job is to do.

    Raises Failure and OSError.
    """
    place = argv.index("--") if "--" in argv else len(argv)
    before, command = argv[:place], argv[place + 1 :]
    parser = _Parser(prog="migrate.pyz job")
    parser.add_argument("what", choices=["start", "poll", "stop"])
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("--wait", type=float, default=0.0)
    options = parser.parse_args(before)
    folder = _absolute(options.folder)
    if options.what != "start":
        return jobs.poll(folder, options.wait) if options.what == "poll" else jobs.stop(folder)
    if not command:
        raise Failure("type: job start FOLDER -- COMMAND...")
    _options(command)
    return jobs.start(folder, command, work)


def enclosed(argv: List[str]) -> NoReturn:
    """Become the program that a command line names behind "--", in its view of the node.

    Raises Failure and OSError.
    """
    place = argv.index("--") if "--" in argv else len(argv)
    parser = _Parser(prog="migrate.pyz enclosed")
    parser.add_argument("--see", action="append", default=[], metavar="DIR")
    parser.add_argument("--needs", action="append", default=[], metavar="DIR")
    parser.add_argument("--preload", metavar="LIB")
    options, command = parser.parse_args(argv[:place]), argv[place + 1 :]
    if not command:
        raise Failure("type: enclosed --see DIR... -- COMMAND...")
    enclosure.run(options, command)


def log_in(argv: List[str]) -> Dict[str, Any]:
    """Do what a command line that begins with "login" says. Raises Failure and OSError."""
    return login.manage(argv, _Parser(prog="migrate.pyz login"))


# What is no work on a tree, and no job either.
ALONE: Dict[str, Callable[[List[str]], Dict[str, Any]]] = {"enclosed": enclosed, "login": log_in}


def _survey(options: argparse.Namespace, progress: Progress) -> Dict[str, Any]:
    root, container = _folder(options.dir), options.container
    tree = walk(root, progress.begin("looking"), xattrs=False, container=container)
    kinds = [entry.type for path, entry in tree.items() if path != ROOT]
    return {
        "files": files(tree),
        "folders": kinds.count(FOLDER),
        "links": kinds.count(LINK),
        "others": sum(kind not in (FILE, FOLDER, LINK) for kind in kinds),
        "bytes": size(tree.values()),
    }


def _copy(options: argparse.Namespace, progress: Progress) -> Dict[str, Any]:
    source, target = _folder(options.source), _absolute(options.target)
    os.makedirs(target, exist_ok=True)
    target = os.path.realpath(target)
    _check_apart(source, target)
    preload = _absolute(options.preload) if options.preload else None
    if preload and not os.path.isfile(preload):
        raise Failure("{}: there is no such library to preload".format(text(preload)))
    way = Way(source, target, progress, preload, options.container)
    note = _absolute(options.marker) if options.marker else b""
    job = _parallel(options)
    try:
        return copying.copy(way, job, options.anew, note)
    finally:
        if job and job.launcher:  # the key beside it is for this copy alone
            login.forget(os.path.dirname(job.launcher))


def _parallel(options: argparse.Namespace) -> Optional[parallel.Job]:
    if options.way == "serial":
        return None
    if options.hosts is None or options.processes is None:
        raise Failure("--way parallel needs --hosts FILE and --processes N")
    hosts = _absolute(options.hosts)
    if not os.path.isfile(hosts):
        raise Failure("{}: there is no such host file".format(text(hosts)))
    launcher = _absolute(options.launcher) if options.launcher else b""
    return parallel.Job(
        os.fsencode(options.mpirun),
        os.fsencode(options.dcp),
        hosts,
        options.processes,
        (os.fsencode(sys.executable), TOOL),
        tuple(map(_absolute, options.needs)),
        launcher,
    )


def _manifest(options: argparse.Namespace, progress: Progress) -> Dict[str, Any]:
    root, out = _folder(options.dir), _absolute(options.out)
    return proof.manifest(root, out, options.jobs, progress, options.container)


def _verify(options: argparse.Namespace, progress: Progress) -> Dict[str, Any]:
    root, path = _folder(options.dir), _absolute(options.manifest)
    return proof.verify(root, path, options.quick, options.jobs, progress, options.container)


_COMMANDS: Dict[str, Callable[[argparse.Namespace, Progress], Dict[str, Any]]] = {
    "survey": _survey,
    "copy": _copy,
    "manifest": _manifest,
    "verify": _verify,
}


class _Parser(argparse.ArgumentParser):
    """One that tells of a wrong command line as of anything else that goes wrong."""

    def error(self, message: str) -> NoReturn:
        raise Failure("{}: {}".format(self.prog, message))


def _options(argv: List[str]) -> argparse.Namespace:
    parser = _Parser(prog="migrate.pyz", description=sys.modules[__package__].__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True
    _add_copy(commands.add_parser("copy", help="copy a tree, or go on with that"))
    survey = commands.add_parser("survey", help="count what a tree holds")
    survey.add_argument("dir", metavar="DIR")
    manifest = commands.add_parser("manifest", help="write manifest.mtree and SHA256SUMS")
    manifest.add_argument("dir", metavar="DIR")
    manifest.add_argument("--out", metavar="FOLDER", required=True)
    verify = commands.add_parser("verify", help="compare a tree with a manifest")
    verify.add_argument("dir", metavar="DIR")
    verify.add_argument("--manifest", metavar="FILE", required=True)
    verify.add_argument("--quick", action="store_true", help="read no file")
    for command in (manifest, verify):
        command.add_argument("--jobs", type=_number, default=4, help="threads that read")
    for command in commands.choices.values():
        command.add_argument("--mounted", action="append", default=[], metavar="DIR", help=_MOUNTED)
        command.add_argument("--container", type=Container, metavar="UUID", help=_CONTAINER)
    return parser.parse_args(argv)


_MOUNTED = "a folder that has to be a mount point from beginning to end, or the command fails"
_CONTAINER = "the container of DAOS 1.x that all of DIR or SRC has to be of, or the command fails"
_NEEDS = "a folder that dcp needs besides those of the system"


def _add_copy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="source", metavar="SRC", required=True)
    parser.add_argument("--to", dest="target", metavar="DST", required=True)
    parser.add_argument("--way", choices=["serial", "parallel"], required=True)
    parser.add_argument("--preload", metavar="LIB", help="LD_PRELOAD of cp or dcp")
    parser.add_argument("--processes", type=_number, metavar="N")
    parser.add_argument("--hosts", metavar="FILE")
    parser.add_argument("--launcher", metavar="PATH", help="what mpirun calls for ssh")
    parser.add_argument("--mpirun", default="mpirun", metavar="PATH")
    parser.add_argument("--dcp", default="dcp", metavar="PATH")
    parser.add_argument("--needs", action="append", default=[], metavar="DIR", help=_NEEDS)
    parser.add_argument("--anew", action="store_true", help="copy what looks complete, too")
    parser.add_argument(
        "--marker", metavar="FILE", help="the note that DST is ours (default: DST.copy.json)"
    )


def _number(word: str) -> int:
    number = int(word)
    if number < 1:
        raise ValueError(word)
    return number


def _absolute(word: str) -> bytes:
    path = os.fsencode(word)
    if not os.path.isabs(path):
        raise Failure("{}: the path has to be absolute".format(text(path)))
    return os.path.normpath(path)


def _folder(word: str) -> bytes:
    path = _absolute(word)
    if not os.path.isdir(path):
        os.stat(path)  # says what is wrong, as with a dfuse that has died
        raise Failure("{}: this is no folder".format(text(path)))
    return os.path.realpath(path)


def _check_apart(source: bytes, target: bytes) -> None:
    if os.path.commonpath([source, target]) in (source, target):
        raise Failure(
            "{} and {}: one of them is inside the other".format(text(source), text(target))
        )


def _check_mounted(words: List[str]) -> None:
    for path in map(_absolute, words):
        os.stat(path)
        if not os.path.ismount(path):
            raise Failure("{}: nothing is mounted there".format(text(path)))
