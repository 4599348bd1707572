"""Evolution strategies, one a file, and those of evosax."""
