"""Guards what was measured: baselines that have to be met, and rows and figures computed again."""
