"""The protobuf messages that the package's build made out of the .proto files.

`shared_pb2`, `status_pb2`, `ctl_pb2`, `mgmt_pb2` and `mgmt_1_pb2` lie beside this file on a node;
protoc writes imports among them by their bare names.
"""

import importlib
import sys
from typing import Any

from ..common import release


def _load(name: str) -> Any:
    module = importlib.import_module(f".{name}", __package__)
    sys.modules.setdefault(name, module)  # where the next one looks for it
    return module


shared = _load("shared_pb2")
status = _load("status_pb2")
ctl = _load("ctl_pb2")
_mgmt = _load("mgmt_pb2")
_mgmt_1 = _load("mgmt_1_pb2")


def of(name: str) -> Any:
    """The message class of that name, as the installed release has it."""
    if release.numbers(release.installed()) < (2,) and hasattr(_mgmt_1, name):
        return getattr(_mgmt_1, name)
    return getattr(_mgmt, name)
