"""The repository's web server: as fast as it can, or as slow as a site's may be.

`/srv/rate` says how many bytes a second it gives, to all together; without it there is no limit.
"""

import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_RATE = Path("/srv/rate")
_PIECE = 8192  # bytes
_line = threading.Lock()


class Handler(SimpleHTTPRequestHandler):
    """Gives files, piece by piece over one line where there is a limit."""

    protocol_version = "HTTP/1.1"

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Give the content of a file."""
        if not _RATE.exists():
            super().copyfile(source, outputfile)
            return
        rate = float(_RATE.read_text())
        while piece := source.read(_PIECE):
            with _line:
                time.sleep(len(piece) / rate)
            outputfile.write(piece)


if __name__ == "__main__":
    ThreadingHTTPServer(("", 80), partial(Handler, directory="/srv/www")).serve_forever()
