"""What each kind of artifact holds, and how it is written and read."""
