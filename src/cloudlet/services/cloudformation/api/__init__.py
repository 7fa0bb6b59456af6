"""CloudFormation's operations, by verb family."""
