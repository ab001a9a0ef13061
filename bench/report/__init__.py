"""Tables, figures and reports from results; never from a model."""
