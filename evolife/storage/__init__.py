"""What is kept on disk: checkpoints, champions, the run folder."""
