"""What the commands do, as functions: ``evolife.train`` and its like."""
