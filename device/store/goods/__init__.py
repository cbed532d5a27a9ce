"""What stands in the slots and what becomes of it: from a step of weight or a tag to a line of the cart and a count that is audited.

Reading order: ``shelves`` and ``tags`` (what the sensors say), ``candidates`` (what it may be about), ``basket`` (what was decided),
``stock`` and ``ledger`` (what is left, in pieces and in grams), ``standing`` and ``filling`` (how a slot
may look), ``expiry``, ``orders``.
"""
