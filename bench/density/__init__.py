"""The Gaussian multipole density and its two linear maps, shared by every model."""
