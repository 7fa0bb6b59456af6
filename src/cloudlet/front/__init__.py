"""The front door: HTTP in and out, and which part of cloudlet a request is for."""
