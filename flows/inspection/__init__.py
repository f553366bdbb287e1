"""A close look at one backbone: what its scores look like, layer by layer."""
