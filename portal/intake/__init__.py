"""Intake forms: their definitions are data, their answers are sealed."""
