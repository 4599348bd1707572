"""Runs and sweeps looked at while they go on: files are read, nothing is touched."""
