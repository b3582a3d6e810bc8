"""Carriers' sheets."""
