"""A stand-in for Airtable on one's own machine: the same API, and a grid to edit in.

Nothing here imports Django or anything else outside the standard library, so that the sandbox
starts in a blink and shares no code, and no mistake, with the sync engine it is there to test.
"""

from sync.sandbox.schema import BASE_ID, DEFAULT_TOKEN
from sync.sandbox.server import SandboxServer

__all__ = ["BASE_ID", "DEFAULT_TOKEN", "SandboxServer"]
