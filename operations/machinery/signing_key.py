"""The key that signs the packages: nothing trusts it before somebody has seen it.

It is a file of the site, or one that is there on the nodes, or it is fetched and has a fingerprint
that the site has set. On a node it is looked at once, and what was looked at is what rpm and the
package manager take, from a file of its own: they fetch no key over the network.
"""

import base64
import re
import shlex
from pathlib import Path

from ..daos.package_managers import KEY
from .settings import Repository

_ON_NODES = "file://"
_MOST = 64 * 1024  # bytes of a key that goes to nodes within a command
_BEGIN = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"

# gpg takes in only what the key itself has signed: the rpm of CentOS 7 and 8 would trust a subkey
# that anybody has added to the file. Only options that gpg 2.0 has as well.
_CHECKED = """\
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
keys() {{ gpg --homedir "$folder" --batch --no-tty --quiet --trust-model always "$@"; }}
export LC_ALL=C
({get}) > "$folder/given" || exit 1
keys --import "$folder/given" 2> "$folder/said"
keys --with-colons --fingerprint --list-keys > "$folder/listed" || exit 1
found=$(awk -F: '$1 == "pub" {{primary = 1}} $1 == "sub" {{primary = 0}}
    $1 == "fpr" && primary {{print $10; primary = 0}}' "$folder/listed")
if [ -z "$found" ]; then echo "there is no key in it" >&2; cat "$folder/said" >&2; exit 1; fi
for one in $found; do
    case " {fingerprints} " in
        "  "|*" $one "*) keys --armor --export "$one" >> "$folder/key" || exit 1 ;;
        *) echo "its fingerprint is $one" >&2; exit 1 ;;
    esac
done
{then}grep -E '^(pub|sub):' "$folder/listed"
"""
_TRUSTED = f"""\
mkdir -p {Path(KEY).parent} && cp "$folder/key" {KEY}.new && chown 0:0 {KEY}.new &&
chmod 644 {KEY}.new && mv {KEY}.new {KEY} && rpm --import {KEY} || exit 1
"""
# Field 5 of what gpg tells of a key: "pub:-:2048:1:24C6A8A7F4A80EB5:...".
_ID = re.compile(r"^(?:pub|sub):(?:[^:]*:){3}([0-9A-F]{16}):", re.MULTILINE)


def line(repository: Repository, trusts: bool = False) -> str:
    """The shell command that looks at the key on a node, and tells it and its subkeys.

    + trusts: whether it is imported, and put where package managers are sent for it
    """
    return _CHECKED.format(
        get=_get(repository.key),
        fingerprints=" ".join(repository.fingerprint),
        then=_TRUSTED if trusts else "",
    )


def ids(output: str) -> frozenset[str]:
    """The ids of the keys, as that command tells them and as rpm names who has signed."""
    return frozenset(it.lower() for it in _ID.findall(output))


def _get(key: str) -> str:
    """The shell command that prints what the site has named."""
    if key.startswith(_ON_NODES):
        return f"cat {shlex.quote(key.removeprefix(_ON_NODES))}"
    if "://" in key:
        return (
            f"curl --fail --silent --show-error --location --connect-timeout 30 {shlex.quote(key)}"
        )
    # Within a command: uploads need SFTP, which some sites switch off and login scripts can break.
    return f"echo {base64.b64encode(_path(key).read_bytes()).decode()} | base64 -d"


def missing(repository: Repository) -> str | None:
    """What is wrong with a key that is a file of the site; None for nothing, and for any other."""
    if "://" in repository.key:
        return None
    path = _path(repository.key)
    try:
        content = path.read_bytes()
    except OSError as problem:
        return f"its key, {path}, cannot be read ({problem.strerror})"
    if _BEGIN not in content:
        return f"its key, {path}, is no key as `gpg --armor` writes it"
    if len(content) > _MOST:
        minimal = "gpg --armor --export-options export-minimal --export"
        return f"its key, {path}, has more than 64 KiB: write it anew by `{minimal}`"
    return None


def typed(repository: Repository) -> str:
    """What somebody would type on a node, or where the file of the site is, to see the key."""
    key = repository.key
    if "://" in key and not key.startswith(_ON_NODES):
        return f"curl -fsSL {shlex.quote(key)} | gpg --with-fingerprint"
    return f"gpg --with-fingerprint {shlex.quote(key.removeprefix(_ON_NODES))}"


def wrong(repository: Repository) -> str:
    """That the key cannot be had, or is another one, and what to do."""
    wanted = " or ".join(repository.fingerprint)
    other = f", or its fingerprint is not {wanted}" if wanted else ""
    return (
        f"the key that signs the packages, {repository.key}, cannot be had there{other}: nothing "
        "trusts it. Compare the fingerprint with what whoever signs them says of it, by another "
        "way than this network; then correct `repositories` in group_data/all.py, and type the "
        "same command again"
    )


def _path(key: str) -> Path:
    return Path(key).expanduser()
