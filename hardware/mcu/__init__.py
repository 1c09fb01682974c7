"""hardware/mcu."""
