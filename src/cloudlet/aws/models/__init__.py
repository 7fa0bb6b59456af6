"""AWS's service models without prose, and the structs generated from them by scripts/models.py."""
