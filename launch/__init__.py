"""Bundled configs and the JSON Schema they are checked against."""
