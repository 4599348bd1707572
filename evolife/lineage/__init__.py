"""Where a run came from: the code, machine and parents that made it."""
