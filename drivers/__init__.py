"""The languages of devices: bytes in, readings out. No IO, no clock, no thread, no log."""
