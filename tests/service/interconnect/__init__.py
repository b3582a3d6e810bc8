"""Tests of service.interconnect."""
