"""The live wall: what each view of the page shows, composed from Redis, and the built page itself."""
