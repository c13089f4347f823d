"""Real pools under the protocol, their waits in virtual time."""
