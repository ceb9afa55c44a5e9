"""How people and programs come in. Doors hold no rules: they parse, call the clerk, and print."""
