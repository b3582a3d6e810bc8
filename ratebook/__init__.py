"""What a call costs. Pure: values in, values out; no SQL, no Kamailio, no clock.

`money`, `model`, `price`, `routing` and `compiled` run inside Kamailio and need the standard library and lmdb
only; `document` reads what operators write and is never loaded there.
"""
