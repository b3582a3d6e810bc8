"""The hot store, the call journal and the inbox: record layouts and the few transactions that may change them."""
