"""Figures over many runs, one file each: what a paper shows of a study."""
