"""The built page, as files to serve or as one file that works from disk."""

import base64
import gzip
import hashlib
import re
from pathlib import Path

from enfold.explorer.payload import Files

STATIC = Path(__file__).parent / "static"  # built from web/ by `make web`
LEVEL = 6  # of gzip; on images, 9 takes fifteen times as long and saves 2%
RUNTIME = "runtime.wasm"  # of ONNX, as WebAssembly
SCRIPT = re.compile(r'<script [^>]*src="(\./)?page\.js"[^>]*></script>')
STYLE = re.compile(r'<link [^>]*href="(\./)?page\.css"[^>]*>')
POLICY = (
    "default-src 'none'; script-src 'sha256-{script}' 'wasm-unsafe-eval'; style-src 'sha256-{style}'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)


def paths(files: Files) -> Files:
    """Return the files that the server offers, by path without the leading slash.

    Args:
        files: What `prepare` returns.
    """
    page = {path: (STATIC / (path or "index.html")).read_bytes() for path in ("", "page.js", "page.css")}
    return {**page, **{f"data/{name}": content for name, content in _with_runtime(files).items()}}


def one_file(files: Files) -> bytes:
    """Return the page as one HTML file, with the script, the style and all data inside.

    Its Content Security Policy allows only this script and style, and forbids all connections.

    Args:
        files: What `prepare` returns.
    """
    names = ("index.html", "page.js", "page.css", "licenses.txt")
    html, script, style, licenses = ((STATIC / name).read_text("utf-8") for name in names)
    script = script.replace("</script", "\\x3c/script").replace("<!--", "\\x3c!--")  # both would end or hide it
    policy = POLICY.format(script=_sha256(script), style=_sha256(style))
    html = SCRIPT.sub("", STYLE.sub(lambda _: f"<style>{style}</style>", html))
    html = html.replace("<head>", f'<head>\n<meta http-equiv="Content-Security-Policy" content="{policy}">')
    head, end = html.split("</body>")
    blocks = (_block(name, content) for name, content in _with_runtime(files).items())
    notices = f'<script type="text/plain" id="licenses">\n{licenses}</script>'
    last = f"{notices}\n<script>{script}</script>\n</body>{end}"
    return b"".join([head.encode(), *blocks, last.encode()])


def _with_runtime(files: Files) -> Files:
    return {**files, RUNTIME: (STATIC / RUNTIME).read_bytes()}


def _block(name: str, content: bytes | memoryview) -> bytes:
    packed = base64.b64encode(gzip.compress(content, LEVEL, mtime=0))
    return b'<script type="application/gzip;base64" id="data/%s">%s</script>\n' % (name.encode(), packed)


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
