"""What is kept on disk: metrics, checkpoints, champions, the run folder."""
