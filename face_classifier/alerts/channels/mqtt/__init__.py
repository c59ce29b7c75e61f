"""MQTT, with which Home Assistant learns of cameras and people."""
