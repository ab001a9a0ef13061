"""Hooks of mkdocs, each file one of them."""
