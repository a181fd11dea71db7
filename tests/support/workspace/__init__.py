"""A prepared workdir, and records as an agent could forge them."""
