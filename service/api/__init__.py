"""What all of the API shares: endpoints, problems, pages of lists, the OpenAPI document."""
