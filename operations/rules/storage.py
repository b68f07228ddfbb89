"""What is known of where engines keep their data. No I/O."""

from ..daos.node_sets import fold
from .view import View


def not_to_reboot(view: View) -> str:
    """The servers whose data a reboot would destroy, in a sentence; "" where there are none.

    Source: scm_class ram is a tmpfs, where DAOS 2.0 keeps superblock, rank and pools' metadata.
    """
    in_memory = view.where(lambda node: node.memory, "servers")
    if not in_memory:
        return ""
    return (
        f"Do not reboot {fold(in_memory)}: the engines' storage there is in memory "
        "(scm_class: ram), and a reboot empties it"
    )
