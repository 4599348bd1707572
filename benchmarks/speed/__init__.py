"""Side-by-side speed benchmarks of evolife and its peers."""
