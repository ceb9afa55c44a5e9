"""The nouns and the Protocols. No I/O; imports `incamera_verify` and nothing else of the house."""
