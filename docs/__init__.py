"""What makes the documentation: hooks of its pages, and the README's table."""
