"""What can be recognised by its form alone: numbers, addresses, dates, codes, secrets."""
