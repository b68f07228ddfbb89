"""Where something is mounted, in all its bytes: a name may hold any but NUL. No I/O.

What is no UTF-8 is kept in a text as Python does it everywhere ("surrogateescape"); where it is
shown, `shown` makes it visible.
"""

import re
import shlex

_BYTE = re.compile(rb"\\x([0-9a-f]{2})")
_PLAIN = frozenset(range(0x21, 0x7F)) - {ord("\\")}


def decoded(written: str) -> str:
    r"""A path as `findmnt -r` writes it: whatever is no plain character of ASCII is \xHH there."""
    raw = _BYTE.sub(lambda match: bytes([int(match[1], 16)]), written.encode())
    return raw.decode("utf-8", "surrogateescape")


def written(path: str) -> str:
    """The same the other way round."""
    raw = path.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _PLAIN else f"\\x{byte:02x}" for byte in raw)


def for_shell(name: str, path: str) -> str:
    """The shell commands that set a variable to a path, byte for byte.

    + name: of the variable
    """
    octal = "".join(f"\\0{byte:03o}" for byte in path.encode("utf-8", "surrogateescape"))
    # What ends the text keeps the shell from taking the ends of lines there away.
    return f"{name}=$(printf '%b.' '{octal}'); {name}=${{{name}%.}}"


# A path may lead elsewhere by the time it is used: who owns a folder of it swaps that for a link,
# and root would unmount /boot. No program unmounts a mount by anything but its path (util-linux
# 2.23 to 2.40, fuse 3), and none can be entered to do it from within, since a FUSE keeps even root
# out, or hangs. So whoever has mounted it is who unmounts it: fusermount3 lets users unmount what
# is theirs, and nothing else. What root has mounted is unmounted by root where nobody else can swap
# anything; elsewhere by hand.
_UNMOUNT = r"""
{point}
options=$(LC_ALL=C findmnt -rn -t fuse.daos -o TARGET,OPTIONS | while read -r target options; do
    [ "$target" != {written} ] || printf '%s\n' "$options"
done | tail -n 1)
[ "$options" ] || exit 0 # it is gone by itself
user=${{options##*user_id=}} group=${{options##*group_id=}}
user=${{user%%,*}} group=${{group%%,*}}
if [ "$user" = 0 ]; then
    above=$point
    while above=${{above%/*}}; [ "$above" ]; do
        case $(stat -c '%u %A' -- "$above") in
            '0 d'????[!w]??[!w]*|'0 d'????????[tT]) ;;
            *) echo "others than root can change $above: see where that leads, and unmount it by" \
                "hand" >&2; exit 1 ;;
        esac
    done
    fusermount3 -u -- "$point" || fusermount3 -uz -- "$point"
else
    command -v setpriv >/dev/null || {{
        echo "there is no setpriv: install its package (util-linux)" >&2; exit 1; }}
    theirs="setpriv --reuid $user --regid $group --clear-groups"
    $theirs fusermount3 -u -- "$point" || $theirs fusermount3 -uz -- "$point"
fi"""


def unmounted(path: str) -> str:
    """The shell command that unmounts a dfuse, and nothing else that has taken its place.

    Lazily where it is in use.
    """
    return _UNMOUNT.format(point=for_shell("point", path), written=shlex.quote(written(path)))
