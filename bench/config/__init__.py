"""What a run is configured by: the schema of its keys, named choices, rules, options of verbs."""
