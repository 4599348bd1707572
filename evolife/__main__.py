"""``python -m evolife``."""

import sys

from evolife.cli import main
from evolife.processes.parent import follow_caller

if __name__ == "__main__":
    follow_caller()
    sys.exit(main())
