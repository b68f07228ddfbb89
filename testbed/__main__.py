"""The lab's command line: `python -m testbed up|down|rehearse|rehearse-migration|referee`."""

import argparse
import os
import sys
from pathlib import Path

from docker.errors import DockerException

from testbed.images.foundation import ImageError
from testbed.lab import cleanup
from testbed.lab.errors import LabError
from testbed.lab.files import LabFiles
from testbed.lab.harness import Lab, lab_nodes_from_inventory
from testbed.lab.nodes import flavour_for
from testbed.packages.build import FLAVOURS
from testbed.referee.__main__ import DEFAULT, run
from testbed.rehearsal import migration, update
from testbed.rehearsal.session import say, say_where_time_went


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    main = argparse.ArgumentParser(
        prog="python -m testbed",
        description="A small simulated DAOS system out of containers, to rehearse updates on.",
    )
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")

    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--directory",
        type=Path,
        default=Path(".lab"),
        help="folder for ssh_config, activate and the like (default: .lab)",
    )

    starting = commands.add_parser(
        "up", parents=[_what("2.0.1"), where], help="start a lab that stays up"
    )
    starting.add_argument(
        "--backup-mib",
        type=int,
        help="give the clients a file system outside of DAOS, /backup, of so many MiB;"
        " 0: as many as there are",
    )
    down = commands.add_parser("down", parents=[where], help="end the lab that stays up")
    down.add_argument(
        "--all", action="store_true", help="remove every lab on this engine, running tests included"
    )
    rehearsing = commands.add_parser(
        "rehearse",
        parents=[_what("2.0.1", "--from")],
        help="start a lab, run the update on it, judge the result, end the lab",
    )
    rehearsing.add_argument(
        "--to", default="", help="DAOS release to update to (default: as group_data says)"
    )
    migrating = commands.add_parser(
        "rehearse-migration",
        parents=[_what(migration.VERSION, flavour=migration.FLAVOUR)],
        help="start a lab with DAOS 1.x and files in it, lead it to 2.0, compare all files, end it",
    )
    migrating.add_argument(
        "--files",
        type=int,
        default=migration.FILES,
        help=f"how many files it has in three containers (default: {migration.FILES})",
    )
    judging = commands.add_parser(
        "referee", help="judge the events of a run by the rules R1 to R12, M1 and M2"
    )
    judging.add_argument(
        "events", nargs="?", type=Path, default=DEFAULT, help=f"default: {DEFAULT}"
    )
    return main


def _what(version: str, *names: str, flavour: str | None = None) -> argparse.ArgumentParser:
    """The options that say what a lab is made of, with these defaults.

    + names: what else the option that names the release is called
    + flavour: None for one that the release supports
    """
    what = argparse.ArgumentParser(add_help=False)
    what.add_argument(
        "--inventory",
        type=Path,
        default=Path("inventory"),
        help="pyinfra inventory file whose servers, admins and clients become nodes"
        " (default: inventory)",
    )
    what.add_argument(
        *names,
        "--version",
        dest="version",
        default=version,
        help=f"DAOS release that the nodes start with (default: {version})",
    )
    what.add_argument(
        "--flavour",
        choices=sorted(FLAVOURS),
        default=flavour,
        help=f"distribution that the nodes play (default: {flavour or 'one for the release'})",
    )
    return what


def up(options: argparse.Namespace) -> int:
    """Start a lab that stays up, or say that there is one; print what to type next."""
    files = LabFiles(options.directory.absolute())
    kept = files.kept()
    if kept and cleanup.all_running(kept):
        say(f"a lab is up already in {options.directory}")
    else:
        if kept:
            say("the lab that was up has lost its containers; it is replaced")
            _end(kept, files)
        nodes = lab_nodes_from_inventory(options.inventory, _flavour(options))
        what = (nodes, options.version, options.directory)
        with Lab(*what, backup_mib=options.backup_mib, progress=say) as lab:
            say_where_time_went(lab.timings)
            lab.keep()
    print(_next_commands(options))
    return 0


def _flavour(options: argparse.Namespace) -> str:
    return options.flavour or flavour_for(options.version)


def _next_commands(options: argparse.Namespace) -> str:
    nodes = lab_nodes_from_inventory(options.inventory)
    admin = next((node.name for node in nodes if "admins" in node.roles), nodes[0].name)
    config = f"{options.directory}/ssh_config"
    pyinfra = os.path.relpath(Path(sys.executable).with_name("pyinfra"))
    is_1 = options.version.startswith("1.")
    deploy = "deploys/migrate.py --data stage=check" if is_1 else "deploy.py"
    return f"""
What to type next:

  ssh -F {config} {admin} sudo dmg system query -v
  {pyinfra} {options.inventory} {deploy} --data ssh_config_file={config}

or, in a shell that stands in the lab until `lab_deactivate`:

  source {options.directory}/activate
  pyinfra {options.inventory} {deploy}

`make lab-down` ends the lab."""


def down(options: argparse.Namespace) -> int:
    """End the lab that stays up in a directory, or all labs."""
    if options.all:
        return _down_all()
    files = LabFiles(options.directory.absolute())
    kept = files.kept()
    if kept is None:
        say(f"no lab is up in {options.directory}")
        files.remove()
        return 0
    _end(kept, files)
    say("the lab is down")
    return 0


def _down_all() -> int:
    labs = cleanup.labs()
    for lab_id, directory in labs.items():
        say(f"removing {lab_id} of {directory}")
        _end(lab_id, LabFiles(directory))
    say(f"{len(labs)} labs removed")
    return 0


def _end(lab_id: str, files: LabFiles) -> None:
    with cleanup.undisturbed():
        cleanup.remove_labelled(f"{cleanup.LAB}={lab_id}")
        files.remove()


def main(argv: list[str] | None = None) -> int:
    """Run a command; give its exit code."""
    options = parser().parse_args(argv)
    commands = {
        "up": up,
        "down": down,
        "referee": lambda o: run(o.events),
        "rehearse": lambda o: update.rehearse(o.inventory, o.version, _flavour(o), o.to),
        "rehearse-migration": lambda o: migration.rehearse(
            o.inventory, o.version, o.flavour, o.files
        ),
    }
    try:
        return commands[options.command](options)
    except DockerException as error:
        print(f"lab: no container engine answers: {error}", file=sys.stderr)
        return 1
    except (LabError, ImageError, ValueError, FileNotFoundError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; everything that it had started is removed", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
