"""Trial: a strategy held to the contract, then compared with the baseline."""
