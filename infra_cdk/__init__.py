"""OrchStack as AWS CDK: five stacks a stage, and the helpers that synthesize and deploy them."""
