"""The user's YAML file: read, expanded and checked."""
