"""Commands about single runs, which are named as `run_names` says."""
