"""The page with everything in it, as one file that works from disk."""

import base64
import gzip
import hashlib
import re

from enfold.explorer.payload import STATIC, Files

SCRIPT = re.compile(r'<script type="module"[^>]* src="\./page\.js"></script>')
STYLE = re.compile(r'<link rel="stylesheet"[^>]* href="\./page\.css">')
POLICY = (
    "default-src 'none'; script-src 'sha256-{script}' 'wasm-unsafe-eval'; style-src 'sha256-{style}'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)


def one_file(files: Files) -> bytes:
    """Return the page with its script, its style and the files that it reads inside.

    A policy in it lets the browser run this script alone, and load nothing from anywhere.

    Args:
        files: What `payload` returns.
    """
    html, script, style = ((STATIC / name).read_text("utf-8") for name in ("index.html", "page.js", "page.css"))
    script = script.replace("</script", "\\x3c/script").replace("<!--", "\\x3c!--")  # both would end or hide it
    policy = POLICY.format(script=_sha256(script), style=_sha256(style))
    html = SCRIPT.sub("", STYLE.sub(lambda _: f"<style>{style}</style>", html))
    html = html.replace("<head>", f'<head>\n<meta http-equiv="Content-Security-Policy" content="{policy}">')
    head, end = html.split("</body>")
    blocks = (_block(name, content) for name, content in files.items())
    last = f'<script type="module">{script}</script>\n</body>{end}'
    return b"".join([head.encode(), *blocks, last.encode()])


def _block(name: str, content: bytes | memoryview) -> bytes:
    packed = base64.b64encode(gzip.compress(content, mtime=0))
    return b'<script type="application/gzip;base64" id="data/%s">%s</script>\n' % (name.encode(), packed)


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
