"""Everything that touches a clock, a port, a socket or a file; wires drivers and rules together."""
