"""The algorithms of evosax as strategies, each by its name there."""
