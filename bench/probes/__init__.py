"""Probes: what is known of a model's physics without labels, one short file each."""
