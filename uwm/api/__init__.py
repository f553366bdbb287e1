"""What `import uwm` offers a Python session: the audit's own functions on objects in memory."""
