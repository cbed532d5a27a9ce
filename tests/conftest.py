"""Guard-rails for every test: nothing leaks, warnings are errors, nothing takes longer than its limit."""
