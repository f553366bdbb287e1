"""The results of an audit: tables, findings, verdict and files."""
