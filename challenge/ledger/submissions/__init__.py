"""One submission: rules, score, receipt, history."""
