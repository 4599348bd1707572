"""The pictures of a life that is filmed."""
