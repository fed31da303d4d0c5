"""What the control plane keeps and tells: tenants and keys, agents, canaries."""
