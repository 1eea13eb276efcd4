"""WFDB records: the header's grammar, what it must declare, the samples' formats."""
