"""One run, from its config to its champions, in a folder."""
