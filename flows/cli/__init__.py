"""The `uwm` command line, one module per command."""
