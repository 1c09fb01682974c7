"""Procedures from data or simulators to a run: pretrain, online, offline, finetune."""
