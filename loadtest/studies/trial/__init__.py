"""A strategy held to the contract and compared with the baseline."""
