"""The event bus's world: PostgreSQL, Valkey, SQS, EventBridge, API Gateway; or all in memory."""
