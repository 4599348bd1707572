"""``python -m evolife``."""

import sys

from evolife.cli import main

if __name__ == "__main__":
    sys.exit(main())
