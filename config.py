"""pyinfra's own settings; it reads this file by itself, before the inventory."""

import os
import sys

from operations.machinery import interruption

# Before all else is loaded, which takes a while: pyinfra would exit with 0 at a Ctrl-C.
interruption.watch()

from pyinfra import config, state  # noqa: E402
from pyinfra_cli import cli, exceptions, inventory  # noqa: E402

from operations import confirmation, unforeseen  # noqa: E402
from operations.machinery import (  # noqa: E402
    commandline,
    complaints,
    connections,
    progress,
    shortcuts,
    terminal,
)

terminal.mend()
complaints.mend(exceptions)
progress.mend()
commandline.remember()
connections.mend()
shortcuts.take()
shortcuts.take_of_inventories(inventory)

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
# What is typed and is no procedure, as `server.reboot`, is asked about by pyinfra itself.
cli._do_confirm = connections.confirming(cli._do_confirm)

# What was typed and set is judged before any node is connected to. Where none is reached, or the
# procedure cannot be read, there would be no report.
cli.connect_all = unforeseen.told(unforeseen.judged(cli.connect_all))
cli._prepare_deploy_operations = unforeseen.told(cli._prepare_deploy_operations)
cli._handle_commands = confirmation.asked(cli._handle_commands)

# pyinfra would also have every run compile the modules of this folder anew: 0.15 s.
sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
