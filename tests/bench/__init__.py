"""What a request costs in our sidecars, beside Envoy in the same run."""
