"""The pages, one module for what belongs together. None knows tables or rules: they ask endpoints."""
