"""Content-addressed artifacts, on a disk or on an object store."""
