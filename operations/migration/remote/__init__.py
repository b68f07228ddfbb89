"""Copies a container's files and proves that the copy is right; runs on a client, by itself.

Nothing but the standard library of Python 3.6 (CentOS 7 and 8, Leap 15) may be used here.
Paths are bytes throughout, since DAOS and Linux allow names that are no text. Every command prints
one JSON object as its last line, and exits with 0 where nothing is wrong, 1 where it found
differences or changes, 2 where it could not do its work ({"error": ...}).
"""

import os

# The folder that holds this package, or the zip that does: what Python is told to start it.
TOOL = os.fsencode(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
