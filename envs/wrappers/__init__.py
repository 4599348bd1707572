"""Changes to any environment, one a file, found by their file: ``wrap`` in a config."""
