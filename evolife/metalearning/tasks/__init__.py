"""What selection operators are trained on."""
