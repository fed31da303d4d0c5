"""What the local cloud makes of each CloudFormation resource type: emulated, stubbed or refused."""
