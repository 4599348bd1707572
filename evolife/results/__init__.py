"""What runs and sweeps have left behind, as Python objects."""
