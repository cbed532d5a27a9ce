"""Simulated firmware: what the devices of a store would say on their wires, written from their manuals.

Nothing here knows ``device``, and ``device`` knows nothing here: the two meet on pseudo-terminals, sockets, a folder and pins, so
that a manual must be misread twice, in the same way, for an error to pass.

Read ``sim`` (what a simulated device is), one device (``mt_sics``), ``physics`` (what it senses), ``serve`` (how it is put on a
wire), then ``world`` (the whole store) and ``control`` (the shopper's hand).
"""
