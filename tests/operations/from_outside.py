"""What comes from outside at its worst: names that users, nodes and other programs may give."""

from __future__ import annotations

# Each would make a file MADE if a shell took it for more than a word.
MADE = "made"
EVIL = (
    "$(touch made)",
    "`touch made`",
    "'; touch made; '",
    '"; touch made; "',
    "a\ntouch made\n",
    "a; touch made #",
    "a && touch made",
    "a | touch made",
    "a > made",
    "--output=made x",
    "\x1b[2J\x1b]0;x\x07$(touch made)",
    "\\'$(touch made)\\",
    "!touch made",
    "é\udcff\u202e $(touch made)",
    "$(touch made)" * 320,
    "x" * 4096,
)
