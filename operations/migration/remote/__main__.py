"""The command line: one JSON object as the last line, and an exit code that says how it went."""

import json
import os
import signal
import sys
import traceback
from types import FrameType
from typing import List, Optional

from . import commands
from .failure import Failure, Stopped, explain
from .jobs import Answer
from .progress import Progress

FAILED = 2


def main(argv: Optional[List[str]] = None) -> int:
    """Do what the command line says, and print the answer."""
    argv = sys.argv[1:] if argv is None else argv
    os.umask(0o077)  # what it writes tells the names of private files
    signal.signal(signal.SIGTERM, _stop)
    code, answer = perform(argv, Progress())
    print(json.dumps(answer), flush=True)
    return code


def perform(argv: List[str], progress: Progress) -> Answer:
    """Do what a command line says: exit code and answer. Nothing that goes wrong is raised."""
    try:
        if argv[:1] == ["job"]:
            return 0, commands.manage(argv[1:], perform)
        if argv and argv[0] in commands.ALONE:
            return 0, commands.ALONE[argv[0]](argv[1:])
        return commands.run(argv, progress)
    except Failure as failure:
        said = str(failure)
    except OSError as error:
        said = explain(error)
    except Stopped:
        said = "it was stopped; the same command goes on"
    except KeyboardInterrupt:
        said = "it was interrupted; the same command goes on"
    except Exception as error:
        traceback.print_exc()
        said = "{}: {} (a bug; see the log)".format(type(error).__name__, error)
    return FAILED, {"error": said}


def _stop(_number: int, _frame: Optional[FrameType]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
