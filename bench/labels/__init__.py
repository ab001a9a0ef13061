"""Names, units and signs of every physical quantity and of the keys that hold them in files."""
