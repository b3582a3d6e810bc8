"""The portal, seen as people see it: by HTTP, and in a real Chromium."""
