"""Towards the devices: links and buses."""
