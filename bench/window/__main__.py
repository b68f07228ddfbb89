"""`python -m bench.window ROUNDS`: this part alone."""

import sys

from ..results import of_the_window

print("\n".join(of_the_window(int(sys.argv[1]) if len(sys.argv) > 1 else 4)[0]))
