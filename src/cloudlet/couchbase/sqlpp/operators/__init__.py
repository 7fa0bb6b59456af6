"""The operators of a plan: each turns batches of rows into batches of rows.

They are plain generators. An empty batch is a tick: the operator worked and has nothing yet, so
whoever drives the pipeline can look at the clock between any two batches.
"""
