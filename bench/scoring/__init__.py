"""Test sets scored outside of a training: trained runs again, and anybody else's predictions."""
