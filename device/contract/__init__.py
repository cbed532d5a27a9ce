"""The contract of drivers as a test suite, for ours and for those that other packages bring. Needs pytest: the extra ``contract``.

``case`` says what a driver brings, ``suite`` are the tests, ``inbox`` is what they listen with, ``plugin`` makes pytest run them. Loaded by
tests only. How to use it: ``docs/drivers.md``.
"""
