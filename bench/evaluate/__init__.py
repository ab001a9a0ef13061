"""Metrics from predictions: accuracy, field response, charge states, cost."""
