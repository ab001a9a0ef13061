"""Self-consistency: problems, solvers, implicit gradients and their health."""
