"""Gradient estimators of a selection operator, one a file, found by its name."""
