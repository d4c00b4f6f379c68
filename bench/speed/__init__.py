"""How long things take, beside others; see bench/README.md."""
