"""API Gateway of the local cloud: the REST API and the WebSocket API on one loopback port."""
