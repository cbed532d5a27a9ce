"""The engine: the one loop that owns the store's state. Take inputs, step, commit, perform, publish; nothing else changes state.

``core`` joins sensing and store in virtual time and does no I/O (tests and replays use it alone); ``records`` writes records as rows of
the journal and reads them back; ``inbox`` is where drivers put readings; ``clock`` makes moments; ``board`` makes the retained topics;
``loop`` is the engine itself.
"""
