"""What happens in the store: facts and commands in, events and effects out. Pure: time comes in with the input, nothing is awaited.

Reading order: ``state`` (what a store knows), ``notes`` and ``fold`` (the only way it changes), ``plan`` (what the configuration
says), ``cabinet`` (the table of a session's life), then what its rows do: ``doors``, ``sessions``, ``shelves``, ``basket``, ``tags``,
``stock``, ``alarms``. ``codes`` and ``authentication`` say who may, ``entrance`` and ``commands`` what they get, ``views`` what others
see; ``store`` puts them together.
"""
