"""Alarms of the model: innovation and disagreement against fitted thresholds."""
