"""The test bed: what tests share and no test is in."""
