"""The HTTP side: uploads in, `api_schemas` out."""
