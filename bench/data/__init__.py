"""Reference data: names, units and signs of labels, structures, graphs and splits."""
