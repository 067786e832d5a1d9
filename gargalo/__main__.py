"""python -m gargalo COMMAND: the command gargalo by another name."""

import sys

from runtime.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
