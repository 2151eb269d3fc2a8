"""What the server keeps in the ledger: tokens, files that wait for their score, the audit log."""
