"""What a run leaves behind: metrics, the dashboard, and words on the terminal."""
