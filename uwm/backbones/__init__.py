"""Backbones: located, checked, loaded, described, and written back to disk."""
