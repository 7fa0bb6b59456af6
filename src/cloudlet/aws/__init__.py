"""What all AWS services share: codec, signatures, policies, errors, dispatch, request context."""
