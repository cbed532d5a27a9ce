"""What a store knows and how it comes to know it: the state, the notes, and the fold of records that is the one way to change it.

Reading order: ``state``, ``notes``, ``fold``; then the parts of the state that add up: ``tally`` and ``counting`` (of products),
``history`` (of temperatures).
"""
