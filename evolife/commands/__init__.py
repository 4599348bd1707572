"""The commands, one a file; each has ``add_arguments`` and ``run``."""
