"""``python -m evolife.commands._child PARENT ...``: ends when its parent does."""

import sys

from evolife.processes.parent import stop_with

if __name__ == "__main__":
    from evolife.cli import main

    stop_with(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
