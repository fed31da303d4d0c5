"""The local cloud: reads the cloud assembly that `cdk deploy` ships and runs it on one machine."""
