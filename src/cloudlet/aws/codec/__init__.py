"""The codec: AWS's wire protocols, compiled from the service models into closures."""
