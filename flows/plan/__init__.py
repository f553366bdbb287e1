"""What an audit would compute and write, worked out without computing it."""
