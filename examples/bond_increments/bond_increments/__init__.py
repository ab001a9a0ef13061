"""A model of electromlip-bench that is not in its package."""
