"""Torch layers, each without any knowledge of a robot."""
