"""Trained models at work: loading, predicting, the ASE calculator."""
