"""The demo that scripts/run starts: a real Kamailio, the service, and calls by sipp, as the files here say.

setup.yaml, ratebook/, calls.yaml and sipp/ are the demo; the modules only carry it out, from here or from a
changed copy of this folder.
"""
