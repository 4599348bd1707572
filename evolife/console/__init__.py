"""What is said on the terminal: progress, tables, and what `evolife watch` shows."""
