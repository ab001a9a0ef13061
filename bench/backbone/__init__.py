"""The one short-range backbone: mace's parameters, evaluated as matrix products per atom."""
