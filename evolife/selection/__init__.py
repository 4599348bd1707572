"""Selections: how much each member of a generation weighs in the next."""
