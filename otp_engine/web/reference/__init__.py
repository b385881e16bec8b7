"""The OpenAPI documents of this service, and the samples in them."""
