"""The sweep: asking the API for what no webhook told us, and proving that nothing is missing."""
