"""pyinfra's own settings; it reads this file by itself, before the inventory."""

import inspect
import os
import sys
from functools import partial

from pyinfra import config, state
from pyinfra.api import util

from operations.machinery import commandline

commandline.remember()

config.REQUIRE_PYINFRA_VERSION = "==3.10.0"  # the release whose hazards were looked at
config.SUDO = True
config.PARALLEL = 256  # nodes at a time: a transaction on them all is inside the offline window
config.CONNECT_TIMEOUT = 10  # seconds

# The first host that fails stops the run on all hosts. pyinfra ignores a plain `FAIL_PERCENT = 0`.
config.FAIL_PERCENT = 0

# A node that does not answer is no reason for pyinfra to leave yet: the deploy names it in its
# report, with everything else that is wrong, and refuses.
state.should_raise_failed_hosts = commandline.raise_after_connecting

# pyinfra tells the order of steps by the lines of their callers. To read the callers' sources as
# well, which nobody looks at, takes longer than all the rest of a plan.
util.stack = partial(inspect.stack, 0)
util.getframeinfo = partial(inspect.getframeinfo, context=0)

# pyinfra would also have every run compile the modules of this folder anew: 0.15 s.
sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
