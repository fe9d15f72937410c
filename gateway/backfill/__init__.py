"""What devices remember of the time in which nobody heard them: found, read, and kept with its own times."""
