"""Tests of what a call costs."""
