"""dmg storage and dmg network: what every server is asked for itself."""

from collections.abc import Iterator
from typing import Any

from . import common
from . import output_storage as output
from .asking import Dmg
from .common import CommandFailed
from .output import Plain

_WAY_OUT = (
    'client: code = 508 resolution = "stop and erase the system, then retry the format operation"'
)
_RUNNING = 'client: code = 508 description = "storage format invoked on a running system"'


def format(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    """Format the storage of all servers."""
    if dmg.serving():
        failure = CommandFailed(_RUNNING)
        failure.resolution = _WAY_OUT
        raise failure
    hosts = dmg.hosts()
    force = bool({"force", "reformat"} & set(dmg.given))
    done, errors = _by_host(common.formatted(hosts, force))
    response = {"host_errors": output.by_error(errors), "hosts": done}
    text = output.storage_format(done, errors)
    if errors:
        message = f"{len(errors)} of {len(hosts)} hosts reported errors"
        failure = dmg.failed("storage format", message, response=response)
        failure.shown = text
        raise failure
    return text, response


def network_scan(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    """Tell which servers answer, without the table of interfaces: the lab has none of interest."""
    done, errors = _by_host(common.at_once(dmg.hosts(), "network scan"))
    response = {"host_errors": output.by_error(errors), "host_fabrics": done}
    return output.network_scan(done, errors), response


def usage(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    """Tell how much storage each server has, and how much of it is free."""
    hosts, errors = dmg.scanned()
    response = output.json_storage_usage(hosts, errors)
    text = output.storage_usage(hosts, errors)
    if errors and "json" not in dmg.given:
        many = f"{len(errors)} host{'s' * (len(errors) > 1)}"
        failure = CommandFailed(f"{many} had errors")
        failure.shown = text
        raise failure
    return text, response


def _by_host(
    answers: Iterator[tuple[str, Plain, str]],
) -> tuple[dict[str, Plain], dict[str, str]]:
    """Host to its answer, and to what went wrong there."""
    done: dict[str, Plain] = {}
    errors: dict[str, str] = {}
    for host, result, error in answers:
        if error:
            errors[host] = error
        else:
            done[host] = result
    return done, errors
