"""One run from launch to report."""
