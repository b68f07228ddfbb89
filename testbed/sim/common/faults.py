"""The faults that a node's programs are told of, read when acting; testbed/faults.py lists them."""

import json
from typing import Any

FILE = "/etc/daos/lab-faults.json"


def planted() -> dict[str, Any]:
    """The faults, none where there is no such file."""
    try:
        with open(FILE) as file:  # noqa: PTH123 - engines start without pathlib
            return dict(json.load(file))
    except (OSError, ValueError):
        return {}
