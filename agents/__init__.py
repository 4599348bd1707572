"""Lifelong learners, one a file; found by file name."""
