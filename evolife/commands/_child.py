"""``python -m evolife.commands._child PARENT ...``: ends when its parent does."""

import os
import signal
import sys
import threading
import time

_WATCH_SECONDS = 0.25


def stop_with(parent: int) -> None:
    """Ask this process to stop soon after ``parent``, its parent, has ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


if __name__ == "__main__":
    from evolife.cli import main

    stop_with(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
