"""Somebody comes, is let in, shops and leaves.

Reading order: ``cabinet`` (the table of a session's life), ``sessions`` and ``rooms`` (what its rows do, in a cabinet and in a room),
``kinds`` (which of the two a zone is), ``doors``, ``entrance`` (what a code that was shown gets), ``visits`` (what every session has:
a beginning, a cart, an end).
"""
