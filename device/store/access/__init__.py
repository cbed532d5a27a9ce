"""Who may enter and who may command: signed codes, cards, signed commands, challenges. Rules alone; nothing here opens anything."""
