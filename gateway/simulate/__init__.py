"""The IO half of the simulated area: a power flow, scenarios, and devices on ptys and TCP."""
