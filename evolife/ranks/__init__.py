"""Processes that share the work of one run: one alone, or many over MPI."""
