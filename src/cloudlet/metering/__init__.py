"""Metering: what each account's functions used, from the hot path's counters to rows on disk."""
