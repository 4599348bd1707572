"""Evolution strategies: evosax's algorithms by name, and our own low-rank one."""
