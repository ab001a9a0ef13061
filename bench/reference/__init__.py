"""The factory of reference data: plan, sample, label, partition, build, validate, import, audit."""
