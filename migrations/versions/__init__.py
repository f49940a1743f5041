"""One module per migration, oldest first by name."""
