"""stub"""
from __future__ import annotations
class ManagementService:
    def __init__(self, *a): pass
    async def __call__(self, scope, receive, send):
        await send({"type":"http.response.start","status":404,"headers":[]})
        await send({"type":"http.response.body","body":b""})
