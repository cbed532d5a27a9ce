"""The nouns: readings, facts, events, records, commands, products and the layout of a store. No behaviour beyond their own rules."""
