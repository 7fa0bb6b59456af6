"""The operations of API Gateway's control plane, a file a verb family."""
