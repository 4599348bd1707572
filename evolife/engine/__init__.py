"""Evolution of a population over whole lifetimes: objects in, no files."""
