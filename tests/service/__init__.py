"""Tests of the service, on real databases."""
