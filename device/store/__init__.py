"""What happens in the store: facts and commands in, events and effects out. Pure: time comes in with the input, nothing is awaited.

Reading order: ``memory`` (what a store knows, and the only way it changes), ``plan`` (what the configuration says), ``turn`` (one input
in the making), ``visits`` (somebody comes, shops and leaves), ``goods`` (what was taken and what is left), ``access`` (who may),
``cold`` (the temperatures), ``commands`` (what is asked from afar), ``views`` (what others see); ``store`` puts them together.
"""
