"""Typed settings of every file in config/, and the check that names all their faults at once."""
