"""`uwm sweep`: every image edit with every text edit."""
