"""The folder of a run: who it is, what it writes and how that is found and read again."""
