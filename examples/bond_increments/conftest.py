"""Its folder is where tests find the package without installing it."""
