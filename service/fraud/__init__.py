"""Limits, lists of numbers, high-risk ranges, patterns of fraud, and the alarms that they give."""
