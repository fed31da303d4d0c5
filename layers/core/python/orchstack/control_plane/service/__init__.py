"""The use cases of the control plane, one module for each thing it keeps or guards."""
