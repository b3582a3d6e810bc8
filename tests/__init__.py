"""Tests of Kambill, by room."""
