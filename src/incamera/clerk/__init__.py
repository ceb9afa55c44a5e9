"""Asks permission, calls the rooms, writes the ledger: the only composition root."""
