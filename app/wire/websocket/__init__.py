"""Method calls over WebSocket, and live events: frames in → calls; answers and events out."""
