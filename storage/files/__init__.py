"""Untrusted files: pictures, archives, videos and tables, checked before they are used."""
