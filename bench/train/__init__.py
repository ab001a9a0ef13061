"""The training loop: losses, stages, checkpoints."""
