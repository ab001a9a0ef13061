"""What labels alone tell of a dataset: sum rules, signs, leakage, odd structures, outliers."""
