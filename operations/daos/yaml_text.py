"""YAML as DAOS reads it: Go's reader is a port of libyaml, which takes more than PyYAML's own does.

A tab between a value and a comment, say. PyYAML's wheels bring libyaml; built without it, PyYAML
refuses such a file, and reads none otherwise.
"""

from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(text: str) -> Any:
    """What a text says. Raises yaml.YAMLError."""
    return yaml.load(text, _LOADER)


def composed(text: str) -> yaml.Node | None:
    """A text as nodes, which know their place in it. Raises yaml.YAMLError."""
    return yaml.compose(text, _LOADER)
