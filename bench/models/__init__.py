"""The points of the design space."""
