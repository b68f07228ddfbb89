"""pyinfra's own settings; it reads this file by itself, before the inventory."""

import hmac
import inspect
import os
import sys
from functools import cache, partial

import paramiko.util
from pyinfra import config, state
from pyinfra.api import arguments, util
from pyinfra_cli import cli

from operations import unforeseen
from operations.machinery import commandline, connections, interruption

interruption.watch()
commandline.remember()
connections.mend()

config.REQUIRE_PYINFRA_VERSION = "==3.10.0"  # the release whose hazards were looked at
config.SUDO = True
config.PARALLEL = 256  # nodes at a time: a transaction on them all is inside the offline window
config.CONNECT_TIMEOUT = 10  # seconds

# The first host that fails stops the run on all hosts. pyinfra ignores a plain `FAIL_PERCENT = 0`.
config.FAIL_PERCENT = 0

# A node that does not answer is no reason for pyinfra to leave yet: the deploy names it in its
# report, with everything else that is wrong, and refuses.
state.should_raise_failed_hosts = commandline.raise_after_connecting
# Without -y pyinfra would put a question in its place, also in a dry run, also to nobody.
cli._set_fail_prompts = lambda state, config: None
cli._do_confirm = connections.confirming(cli._do_confirm)

# Where no node is reached, or the procedure cannot be read, there would be no report.
cli.connect_all = unforeseen.told(cli.connect_all)
cli._prepare_deploy_operations = unforeseen.told(cli._prepare_deploy_operations)

# pyinfra tells the order of steps by the lines of their callers. To read the callers' sources as
# well, which nobody looks at, takes longer than all the rest of a plan.
util.stack = partial(inspect.stack, 0)
util.getframeinfo = partial(inspect.getframeinfo, context=0)

# And it works out anew, for each command on each node, which arguments an operation can have.
arguments.all_global_arguments = cache(arguments.all_global_arguments)

# paramiko compares the code of every message byte by byte.
paramiko.util.constant_time_bytes_eq = hmac.compare_digest  # type: ignore[assignment]

# pyinfra would also have every run compile the modules of this folder anew: 0.15 s.
sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
