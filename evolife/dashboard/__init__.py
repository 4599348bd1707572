"""What TensorBoard shows of a run: curves, images, settings and layout."""
