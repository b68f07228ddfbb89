"""The files under /etc/daos, from what 1.x reads to what 2.0 reads. No I/O.

Lines are edited and nothing is written anew, so that comments and order stay. What comes out is
read again and has to mean what went in; a file that cannot be converted for sure is not touched.

Source: the configuration structures of DAOS v1.0.1, v1.2.0 and v2.0.2 (src/control: server/config,
server/engine, server/storage, cmd/daos_agent, client, lib/control, security). 2.0 refuses a file
that has a key which it does not know.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import yaml_text

FOLDER = "/etc/daos"
SERVER, AGENT, CONTROL = "daos_server.yml", "daos_agent.yml", "daos_control.yml"
SHARED = "daos.yml"  # what dmg read in 1.0; becomes daos_control.yml
KEPT = ".1.x-backup"  # behind the name of the file as it was

# Each file or part of one: the keys that it may have, and those that go, which nothing comes of.
_KEYS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_KNOWN, _GONE = ({part: set(_KEYS[part][which]) for part in _KEYS} for which in ("known", "gone"))

# Key to the node of the key and the node of its value.
_Keys = dict[str, tuple[yaml.Node, yaml.Node]]

_OPTION = re.compile(r"(?:-o=?|--config(?:-path)?(?:=|$))(.*)")

_TRUE = ("y", "yes", "on", "true")
_FALSE = ("n", "no", "off", "false")


class Unconvertible(Exception):
    """A file that cannot be converted for sure; the message says why, and what to do."""


@dataclass(frozen=True)
class _Edit:
    """A piece of a text, from `start` to `end`, and what stands there instead."""

    start: int
    end: int
    text: str


def convert(name: str, text: str) -> str:
    """A configuration file as 2.0 reads it; the very same text where nothing is to be changed.

    + name: which file it is: `SERVER`, `AGENT`, `CONTROL` or `SHARED`
    + text: what stands in it now

    Raises Unconvertible.
    """
    root = _composed(text)
    if root is None:
        return text
    edits = list(_edits(name, root, text))
    after = _edited(text, edits)
    if edits:
        _see_that_it_means_the_same(name, text, after)
    return after


def read_by(command: Sequence[str], name: str) -> str:
    """The path of the file that a daemon reads.

    + command: what its unit starts, word by word; empty for what comes with the package
    + name: which file it is: `SERVER` or `AGENT`

    Raises Unconvertible where that is not known. Source: the options of daos_server (-o, --config)
    and daos_agent (-o, --config-path) in v1.0.1, v1.2.0 and v2.0.2.
    """
    daemon = name.removesuffix(".yml")
    path = f"{FOLDER}/{name}"
    if not command:
        return path
    programs = [word.rpartition("/")[2] for word in command]
    if daemon not in programs:
        line = " ".join(command)
        raise Unconvertible(f"its unit starts `{line}`, and which file that reads is not known")
    words = iter(command[programs.index(daemon) + 1 :])
    for word in words:
        option = _OPTION.fullmatch(word)
        if option:
            path = option[1] or next(words, "")
    return path


def control_of_1_0(text: str, servers: list[str]) -> str:
    """What dmg of 2.0 reads, made of what that of 1.0 read; "" where that sets nothing.

    + text: what stands in daos.yml
    + servers: all of them, by their hostnames: dmg of 1.0 had to be given the access point alone

    Raises Unconvertible.
    """
    after = convert(SHARED, text)
    root = _composed(after)
    if root is None:
        return ""
    hosts = f"hostlist: [{', '.join(servers)}]\n"
    keys = _keys(root, "the file")
    if "hostlist" in keys:
        key, value = keys["hostlist"]
        end = value.end_mark.index
        rest = after[end:] if after[:end].endswith("\n") else after[end:].removeprefix("\n")
        after = after[: key.start_mark.index] + hosts + rest
    else:
        after = after.rstrip("\n") + "\n" + hosts
    if (yaml_text.read(after) or {}).get("hostlist") != servers:
        raise Unconvertible("its form is too unusual: write daos_control.yml by hand")
    return after


def diff(name: str, before: str, after: str, source: str = "") -> str:
    """What a conversion changes, as `diff -u` shows it.

    + source: the file that it is made of, where that has another name
    """
    path = f"{FOLDER}/{name}"
    old = f"{FOLDER}/{source or name}{KEPT}"
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), old, path, lineterm="")
    return "\n".join(lines)


def _composed(text: str) -> yaml.MappingNode | None:
    """The file as YAML nodes, which know their place in the text; None where it has no keys."""
    try:
        root = yaml_text.composed(text)
    except yaml.YAMLError as problem:
        raise Unconvertible(f"it is no YAML: {problem}") from problem
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
        return None
    if not isinstance(root, yaml.MappingNode):
        raise Unconvertible("it is not a set of keys")
    return root


def _edits(name: str, root: yaml.MappingNode, text: str) -> Iterator[_Edit]:
    keys = _keys(root, "the file")
    _known(keys, name)
    if name == SERVER:
        yield from _engines_key(keys)
        yield from _vmd(keys)
    yield from _gone(root, keys, name, text)
    yield from _transport(keys, text)
    if name == SERVER:
        _check_server(keys)
        for engine in (*_items(keys, "servers"), *_items(keys, "engines")):
            yield from _engine(engine, text)


def _engines_key(keys: _Keys) -> Iterator[_Edit]:
    if "servers" not in keys:
        return
    key, value = keys["servers"]
    if "engines" not in keys:
        yield _instead(key, "engines")
    elif _plain(value):
        raise Unconvertible("it has both `servers` and `engines`: leave one of them")


def _vmd(keys: _Keys) -> Iterator[_Edit]:
    if "disable_vmd" not in keys:
        return
    if "enable_vmd" in keys:
        raise Unconvertible("it has both `disable_vmd` and `enable_vmd`: leave the latter")
    key, value = keys["disable_vmd"]
    word = value.value.lower() if isinstance(value, yaml.ScalarNode) else ""
    if word not in (*_TRUE, *_FALSE):
        raise Unconvertible("disable_vmd is neither true nor false")
    yield _instead(key, "enable_vmd")
    yield _instead(value, "false" if word in _TRUE else "true")


def _check_server(keys: _Keys) -> None:
    """What 1.x takes and 2.0 refuses, and what a person has to decide about."""
    points = _value(keys, "access_points")
    for point in points if isinstance(points, list) else ():
        if "[" in str(point):
            raise Unconvertible(f"access_points: write out {point!r}, 2.0 takes no node sets there")
        if points.count(point) > 1:
            raise Unconvertible(f"access_points: {point!r} stands there twice")
    path = _value(keys, "fault_path")
    if path and len(str(path).strip("/").split("/")) > 1:
        raise Unconvertible(f"fault_path: {path!r} has more than the one level that 2.0 takes")
    callback = _value(keys, "fault_cb")
    if callback and not str(callback).startswith(f"{FOLDER}/"):
        raise Unconvertible(f"fault_cb: 2.0 runs nothing but what lies in {FOLDER}: move it there")


def _engine(engine: yaml.Node, text: str) -> Iterator[_Edit]:
    keys = _keys(engine, "an engine")
    _known(keys, "engine")
    yield from _gone(engine, keys, "engine", text)
    yield from _bdev_class(keys)
    _check_devices(keys)


def _bdev_class(keys: _Keys) -> Iterator[_Edit]:
    """1.x takes devices without a class for NVMe, 2.0 leaves them aside without a word."""
    if "bdev_class" in keys:
        _, value = keys["bdev_class"]
        if not _plain(value):
            is_there = value.end_mark.index > value.start_mark.index
            yield _instead(value, "nvme" if is_there else " nvme")
    elif _value(keys, "bdev_list"):
        key, _ = keys["bdev_list"]
        at = key.start_mark.index
        yield _Edit(at, at, "bdev_class: nvme\n" + " " * key.start_mark.column)


def _check_devices(keys: _Keys) -> None:
    devices = _value(keys, "bdev_list") or []
    kind = _value(keys, "bdev_class")
    if kind == "malloc":
        raise Unconvertible("bdev_class: 2.0 has no malloc; say file, and where (bdev_list)")
    if kind in ("file", "kdev") and not devices:
        raise Unconvertible(
            f"bdev_class {kind} needs a bdev_list in 2.0: say where, or leave it out"
        )
    if kind == "file" and not _value(keys, "bdev_size"):
        raise Unconvertible("bdev_class file needs a bdev_size in 2.0")
    if isinstance(devices, list) and len(set(map(str, devices))) < len(devices):
        raise Unconvertible("bdev_list names a device twice, which 2.0 refuses")


def _transport(keys: _Keys, text: str) -> Iterator[_Edit]:
    if not _value(keys, "transport_config"):
        return
    node = keys["transport_config"][1]
    inner = _keys(node, "transport_config")
    _known(inner, "transport_config")
    yield from _gone(node, inner, "transport_config", text)


def _keys(node: yaml.Node, what: str) -> _Keys:
    if not isinstance(node, yaml.MappingNode):
        raise Unconvertible(f"{what} is not a set of keys (line {node.start_mark.line + 1})")
    keys: _Keys = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value in keys:
            raise Unconvertible(
                f"a key is there twice, or is none (line {key.start_mark.line + 1})"
            )
        keys[key.value] = key, value
    return keys


def _known(keys: _Keys, part: str) -> None:
    unknown = sorted(set(keys) - _KNOWN[part] - _GONE[part])
    if unknown:
        line = keys[unknown[0]][0].start_mark.line + 1
        raise Unconvertible(
            f"2.0 refuses the key {unknown[0]} (line {line}), and what it shall become is not "
            "known: take it out, or write what 2.0 has for it"
        )


def _gone(node: yaml.Node, keys: _Keys, part: str, text: str) -> Iterator[_Edit]:
    """Make comments of keys that 2.0 has no more."""
    for name in sorted(_GONE[part] & set(keys)):
        key, value = keys[name]
        start, end = key.start_mark.index, value.end_mark.index
        flow = isinstance(node, yaml.MappingNode) and node.flow_style
        if flow or key.start_mark.line != value.end_mark.line:
            raise Unconvertible(f"2.0 has no {name} any more: take it out")
        yield _Edit(start, end, f"# not in 2.0: {text[start:end]}")


def _items(keys: _Keys, name: str) -> list[yaml.Node]:
    """The entries of a list; none where it is not there, or is empty."""
    if not _value(keys, name):
        return []
    node = keys[name][1]
    if not isinstance(node, yaml.SequenceNode):
        raise Unconvertible(f"{name} is not a list")
    return list(node.value)


def _instead(node: yaml.Node, text: str) -> _Edit:
    return _Edit(node.start_mark.index, node.end_mark.index, text)


def _value(keys: _Keys, name: str) -> Any:
    """The value of a key; None where it is not there."""
    return _plain(keys[name][1]) if name in keys else None


def _plain(node: yaml.Node) -> Any:
    """The value of a node."""
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    except yaml.YAMLError as problem:
        raise Unconvertible(f"it is no YAML: {problem}") from problem
    finally:
        loader.dispose()


def _edited(text: str, edits: list[_Edit]) -> str:
    after, at = "", 0
    # What an alias stands for is met more than once.
    for edit in sorted(set(edits), key=lambda edit: (edit.start, edit.end)):
        if edit.start < at:
            raise Unconvertible("two changes meet at the same place: convert it by hand")
        after += text[at : edit.start] + edit.text
        at = edit.end
    return after + text[at:]


def _see_that_it_means_the_same(name: str, before: str, after: str) -> None:
    try:
        meant = _means(name, yaml_text.read(before))
        got = yaml_text.read(after) or {}  # nothing but comments is good, too
    except (yaml.YAMLError, AttributeError, TypeError) as problem:
        raise Unconvertible(f"its form is too unusual ({problem}): convert it by hand") from problem
    if meant != got:
        raise Unconvertible("its form is too unusual: convert it by hand")


def _means(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """What a file has to say in 2.0, told without its text."""
    meant = _kept(name, data)
    if name == SERVER:
        _rename(meant)
    if meant.get("transport_config"):
        meant["transport_config"] = _kept("transport_config", meant["transport_config"])
    return meant


def _kept(part: str, data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in _GONE[part]}


def _rename(meant: dict[str, Any]) -> None:
    if "disable_vmd" in meant:
        disabled = meant.pop("disable_vmd")
        meant["enable_vmd"] = str(disabled).lower() not in _TRUE
    if "engines" not in meant and "servers" in meant:
        meant["engines"] = meant.pop("servers")
    for name in ("servers", "engines"):
        if meant.get(name):
            meant[name] = [_engine_means(engine) for engine in meant[name]]


def _engine_means(data: dict[str, Any]) -> dict[str, Any]:
    meant = _kept("engine", data)
    if not meant.get("bdev_class") and ("bdev_class" in meant or meant.get("bdev_list")):
        meant["bdev_class"] = "nvme"
    return meant
