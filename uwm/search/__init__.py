"""A search for better trade-offs between safety and knowledge."""
