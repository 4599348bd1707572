"""One page about a sweep or some runs: what was found, drawn and in a table."""
