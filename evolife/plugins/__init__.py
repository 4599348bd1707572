"""Agents and environments, found by file and checked once."""
