"""robot_mbrl/learning/finetune."""
