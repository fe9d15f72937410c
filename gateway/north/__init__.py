"""Towards the utility: MQTT, InfluxDB, commands."""
