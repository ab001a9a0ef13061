"""Reference calculations: structures, CP2K input and output, density partition."""
