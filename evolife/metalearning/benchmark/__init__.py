"""Judging a trained selection operator on functions that it has never seen."""
