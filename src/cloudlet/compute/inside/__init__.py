"""What runs inside the jail: plain standard-library sources, never imported by the server.

They are read as text and run by whichever interpreter serves the runtime (3.8 and later).
"""
