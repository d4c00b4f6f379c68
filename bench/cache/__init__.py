"""What the cache's benches build, change, run and count."""
