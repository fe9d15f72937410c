"""The device side of the protocols: simulated devices for tests, demo and `taiqu simulate`."""
