"""The script in docs/sync.md, run as it stands there."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

DOC = Path(__file__).resolve().parents[2] / "docs" / "sync.md"
AIRTABLE = """
const input = {config: () => ({recordId: "recAAAAAAAAAAAAAA", secret: SECRET})};
const record = {getCellValue: (name) => ({Bio: BIO, Empty: null})[name]};
const base = {getTable: () => ({fields: [{name: "Bio"}, {name: "Empty"}], selectRecordAsync: async () => record})};
const fetch = async (url, options) => { console.log(JSON.stringify(options)); return {ok: true}; };
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js to run JavaScript")
@pytest.mark.parametrize("secret", ["short", "é" * 80])
@pytest.mark.parametrize("bio", ["x", "Größe, naïve, 日本 🎉", "y" * 1000])
def test_signs_as_we_verify(secret, bio):
    found = re.search(r"```js\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    script = found.group(1)
    world = f"const SECRET = {json.dumps(secret)}, BIO = {json.dumps(bio)};" + AIRTABLE
    # Our names stand in a scope of their own, as Airtable's globals do.
    program = f"{world}\n(async () => {{ {script} }})();"

    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True)

    sent = json.loads(done.stdout)
    expected = hmac.new(secret.encode(), sent["body"].encode(), hashlib.sha256).hexdigest()
    assert sent["headers"]["X-Airtable-Signature"] == expected
    assert json.loads(sent["body"])["fields"] == {"Bio": bio}
