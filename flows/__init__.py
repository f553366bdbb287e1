"""What a person starts: the `audit` flow and the `uwm` command line."""
