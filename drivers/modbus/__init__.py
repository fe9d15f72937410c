"""Modbus RTU and TCP: codec, read planning, conversations."""
