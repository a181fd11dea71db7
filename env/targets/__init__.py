"""Cargo targets below the artifact root: places, leases, owners and free space."""
