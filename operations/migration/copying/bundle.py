"""The remote tool as one file that a client's python3 runs."""

import io
import zipapp
import zipfile
from pathlib import Path

_REMOTE = Path(__file__).parents[1] / "remote"
_MAIN = "import sys\n\nfrom remote.__main__ import main\n\nsys.exit(main())\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a zip file can hold


def pack() -> bytes:
    """The tool as a zip archive with a `__main__.py` (PEP 441); always the same bytes.

    `zipapp` alone would keep the times of the files, and their order in the folder.
    """
    plain, packed = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", _EPOCH), _MAIN)
        for path in sorted(_REMOTE.glob("*.py")):
            archive.writestr(zipfile.ZipInfo(f"remote/{path.name}", _EPOCH), path.read_bytes())
    plain.seek(0)
    zipapp.create_archive(plain, packed, interpreter="/usr/bin/env python3")
    return packed.getvalue()
