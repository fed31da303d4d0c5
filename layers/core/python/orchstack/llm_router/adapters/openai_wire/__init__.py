"""OpenAI's chat API as a client: over any base address, streamed, on kept-alive connections."""
