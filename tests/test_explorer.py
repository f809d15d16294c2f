"""The explorer's page gets what Python computes, and nobody else gets anything."""

import base64
import gzip
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack

import numpy as np
import pytest
import torch

import enfold
from conftest import without_pictures
from enfold import InputError
from enfold.cli import main
from enfold.explorer import prepare, serving, share
from enfold.explorer.page import STATIC
from enfold.inference import encode_means
from enfold.latent import cluster
from enfold.metrics.reconstruction import reconstruction_mse

pytest.importorskip("onnxruntime")
pytest.importorskip("uvicorn")


@pytest.fixture(scope="module")
def files(digits_run):
    return prepare(digits_run)


def array(files, name):
    """An array as the page reads it, from what the manifest says."""
    entry = json.loads(files["manifest.json"])["arrays"][name]
    return np.frombuffer(files[entry["file"]], np.dtype(entry["type"]).newbyteorder("<")).reshape(entry["shape"])


def test_the_manifest_says_what_the_run_is(files):
    manifest = json.loads(files["manifest.json"])
    assert manifest["format"] == 3
    assert manifest["title"] == "Digits"
    assert manifest["rows"] == 1797
    assert manifest["shape"] == [1, 8, 8]
    assert manifest["isImage"]
    assert manifest["columns"] == [{"name": "pixel", "offset": 0, "scale": 16}]
    assert manifest["classes"] == [str(i) for i in range(10)]
    named = {entry["file"] for entry in [*manifest["arrays"].values(), *manifest["prior"]]}
    assert named | {"manifest.json", "encoder.onnx", "decoder.onnx"} == set(files)


def test_the_arrays_are_the_rows_in_order_and_what_the_model_says_of_them(files, digits_run, digits):
    model = digits_run.model
    np.testing.assert_array_equal(array(files, "examples"), digits.x.reshape(1797, 64))
    np.testing.assert_array_equal(array(files, "rowNumbers"), np.arange(1797))
    np.testing.assert_array_equal(array(files, "labels"), digits.labels)
    np.testing.assert_array_equal(np.flatnonzero(array(files, "heldOut")), np.sort(digits_run.split.held_out))
    means = encode_means(model, digits.x)
    np.testing.assert_array_equal(array(files, "means"), means)
    with torch.no_grad():
        stddev = model.encode(digits.x[-5:]).stddev.numpy()
    found = array(files, "standardDeviations")[-5:]
    np.testing.assert_allclose(found, stddev, rtol=1e-5)  # sums differ between batch sizes
    held_out = array(files, "anomaly")[array(files, "heldOut") == 1]
    ranks = np.arange(len(held_out)) / (len(held_out) + 1)  # no two are as unusual
    np.testing.assert_allclose(np.sort(held_out), ranks, atol=2 / len(held_out))
    np.testing.assert_array_equal(array(files, "clusters"), cluster(means).memberships(means).argmax(1))
    assert array(files, "error").mean() == pytest.approx(reconstruction_mse(model, digits.x, means), rel=1e-6)


def test_the_prior_and_its_quantiles_are_the_models(files):
    manifest = json.loads(files["manifest.json"])
    (plane,) = manifest["prior"]
    (left, right), (low, high) = plane["extent"]
    log_density, x, y = on_grid(files, plane)
    np.testing.assert_allclose(log_density, -np.log(2 * np.pi) - (x**2 + y[:, None] ** 2) / 2, rtol=1e-5)
    mass = np.exp(log_density).sum() * (x[1] - x[0]) * (y[1] - y[0])
    assert mass == pytest.approx(1, abs=0.01)  # the grid holds the prior's quantiles 0.1% to 99.9%
    means = array(files, "means")
    assert (means.min(0) > [left, low]).all()
    assert (means.max(0) < [right, high]).all()
    levels, values = manifest["quantiles"]["levels"], manifest["quantiles"]["values"]
    assert len(levels) == len(values[0]) == 20
    np.testing.assert_allclose(torch.special.ndtr(torch.tensor(values)), [levels] * 2, atol=1e-6)
    np.testing.assert_allclose(manifest["activity"], means.var(0), rtol=1e-4)
    assert manifest["pca"] is None


def on_grid(files, plane):
    """The prior's log density on a plane's grid, (side, side), and the grid's coordinates."""
    side = plane["side"]
    return np.frombuffer(files[plane["file"]], "<f4").reshape(side, side), *np.linspace(
        *np.transpose(plane["extent"]), side
    ).T


def test_the_prior_is_on_every_pair_of_the_most_active_dimensions_and_on_the_principal_plane(random_run):
    spec = enfold.Spec((6,), tuple(enfold.Column(f"column {i}", "real") for i in range(6)))
    run, x = random_run(spec, latent_dim=8), np.random.default_rng(0).normal(size=(50, 6))
    files = prepare(run, x)
    manifest, means = json.loads(files["manifest.json"]), array(files, "means")
    active = sorted(np.argsort(-means.var(0))[:6].tolist())
    *pairs, last = manifest["prior"]
    assert [each["axes"] for each in pairs] == [[a, b] for a in active for b in active if a < b]
    assert last["axes"] == "pca"
    center, components = (np.array(manifest["pca"][name]) for name in ("mean", "components"))
    log_density, x, y = on_grid(files, last)
    z = center + x[20] * components[0] + y[90] * components[1]
    assert log_density[90, 20] == pytest.approx(-4 * np.log(2 * np.pi) - z @ z / 2, rel=1e-5)
    log_density, x, y = on_grid(files, pairs[7])
    assert log_density[90, 20] == pytest.approx(-4 * np.log(2 * np.pi) - (x[20] ** 2 + y[90] ** 2) / 2, rel=1e-5)


def test_fewer_rows_are_held_out_ones_first_and_the_same_every_time(digits_run, monkeypatch):
    monkeypatch.setattr("enfold.explorer.payload.as_onnx", lambda run: enfold.export.Onnx(b"", b""))
    held_out = set(digits_run.split.held_out.tolist())
    few, more = (array(prepare(digits_run, rows=n), "rowNumbers") for n in (50, 250))
    assert len(few) == 50
    assert set(few.tolist()) < held_out < set(more.tolist())
    assert len(more) == 250
    np.testing.assert_array_equal(more, np.sort(more))
    np.testing.assert_array_equal(more, array(prepare(digits_run, rows=250), "rowNumbers"))
    monkeypatch.setattr("enfold.explorer.payload.IN_MEMORY", 64 * 50)  # bytes of 50 rows
    np.testing.assert_array_equal(few, array(prepare(digits_run), "rowNumbers"))


@pytest.fixture(scope="module")
@without_pictures()
def table_run(tmp_path_factory):
    """A plain autoencoder of a table with gaps in its labels, in three dimensions."""
    random = np.random.default_rng(0)
    labels = [*random.normal(size=89), np.nan]
    data = enfold.load(random.normal(size=(90, 5)) @ random.normal(size=(5, 5)), labels=labels)
    out = tmp_path_factory.mktemp("runs") / "table"
    return data, enfold.fit(data, recipe="autoencoder", latent_dim=3, epochs=2, width=16, out=out, device="cpu")


def test_a_plain_autoencoders_table_has_no_prior_no_standard_deviations_and_a_principal_plane(table_run):
    data, run = table_run
    with pytest.raises(InputError, match=r"fitted to an array.*Name a source"):
        prepare(run)
    files = prepare(run, data)
    manifest, means = json.loads(files["manifest.json"]), array(files, "means")
    assert manifest["prior"] == []
    assert not {"standardDeviations", "labels", "heldOut"} & set(manifest["arrays"])
    np.testing.assert_array_equal(array(files, "numericLabels"), data.labels.astype(np.float32))
    np.testing.assert_array_equal(array(files, "examples"), data.x)
    assert [each["scale"] for each in manifest["columns"]] == [each.scale for each in run.spec.columns]
    levels = np.array(manifest["quantiles"]["levels"])
    expected = np.quantile(means, levels, axis=0, method="inverted_cdf")  # values that rows do have
    np.testing.assert_allclose(manifest["quantiles"]["values"], expected.T, rtol=1e-6)
    centered = means - manifest["pca"]["mean"]
    on_plane = centered @ np.array(manifest["pca"]["components"]).T
    _, singular, _ = np.linalg.svd(centered, full_matrices=False)
    np.testing.assert_allclose(np.square(on_plane).sum(0), singular[:2] ** 2, rtol=1e-4)


@pytest.fixture(scope="module")
def address(files):
    with serving(files) as found:
        yield found


def ask(address, path, **headers):
    """The status, the headers and the content that a path gives, sent as it stands."""
    host = address.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(host)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, response.headers, content


def test_it_serves_the_page_and_its_files(address, files):
    for path, name in (("/", "index.html"), ("/page.js", "page.js"), ("/page.css", "page.css")):
        status, _, content = ask(address, path)
        assert (status, content) == (200, (STATIC / name).read_bytes())
    for name, content in files.items():
        assert ask(address, f"/data/{name}")[2] == bytes(content), name
    _, headers, content = ask(address, "/data/runtime.wasm")
    assert headers["Content-Type"] == "application/wasm"
    assert content == (STATIC / "runtime.wasm").read_bytes()


def test_every_answer_forbids_what_the_page_does_not_need(address):
    for path in ("/", "/data/manifest.json", "/data/nothing"):
        _, headers, _ = ask(address, path)
        policy = dict(each.strip().split(" ", 1) for each in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
        assert policy["connect-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in headers


ELSEWHERE = (
    *("/data/../../payload.py", "/../payload.py", "/%2e%2e/payload.py", "/..%2fpayload.py", "/data/%2e%2e%2fpage.js"),
    *("/..\\payload.py", "//etc/passwd", "/etc/passwd", "/data/", "/data", "/index.html", "/static/index.html"),
    *("/data//manifest.json", "/data/manifest.json/", "/data/manifest.json%00", "/favicon.ico"),
)


@pytest.mark.parametrize("path", ELSEWHERE)
def test_no_path_leads_anywhere_else(address, path):
    status, _, content = ask(address, path)
    assert (status, content) == (404, b"No such file.")


def test_other_hosts_and_other_sites_are_refused(address):
    port, manifest = address.rsplit(":", 1)[1].rstrip("/"), "/data/manifest.json"
    here = f"127.0.0.1:{port}"
    for host in (
        "example.com",
        f"example.com:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        f"127.0.0.1.example.com:{port}",
        "",
    ):
        assert ask(address, manifest, Host=host)[0] == 400, host
    for site in ("http://example.com", f"https://{here}", "http://127.0.0.1:1", "null"):
        assert ask(address, manifest, Origin=site)[0] == 403, site
    assert ask(address, manifest, Sec_Fetch_Site="cross-site")[0] == 403
    assert ask(address, manifest, Host=f"localhost:{port}")[0] == 200
    assert ask(address, manifest, Origin=f"http://{here}", Sec_Fetch_Site="same-origin")[0] == 200
    assert ask(address, "/", Sec_Fetch_Site="cross-site")[0] == 200  # a link that was clicked elsewhere


def test_it_listens_on_this_machine_alone_and_a_taken_port_is_refused(address, files):
    port = int(address.rsplit(":", 1)[1].rstrip("/"))
    with pytest.raises(InputError, match=f"free port, got {port} .*--port"), serving(files, port):
        pass
    with pytest.raises(InputError, match="got 70000"), serving(files, 70000):
        pass
    with socket.socket() as other, pytest.raises(OSError, match=r"refused|unreachable"):
        other.connect(("127.0.0.2", port))


def test_the_shared_file_has_everything_and_loads_nothing(files, digits_run, tmp_path, monkeypatch):
    monkeypatch.setattr("enfold.explorer.prepare", lambda run, *sources, rows: files)
    html = share(digits_run, out=tmp_path / "digits.html").read_text("utf-8")
    blocks = dict(re.findall(r'<script type="application/gzip;base64" id="data/([\w.-]+)">([\w+/=]*)</script>', html))
    found = {name: gzip.decompress(base64.b64decode(content)) for name, content in blocks.items()}
    expected = {name: bytes(content) for name, content in files.items()}
    assert found == {**expected, "runtime.wasm": (STATIC / "runtime.wasm").read_bytes()}
    assert (STATIC / "licenses.txt").read_text("utf-8") in html
    page = re.sub(r'<script type="(application/gzip;base64|text/plain)".*?</script>', "", html, flags=re.DOTALL)
    (style,), (script,) = (re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", page, re.DOTALL) for tag in ("style", "script"))
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    for kind, text in (("script-src", script), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert re.search(rf"{kind} 'sha256-{re.escape(digest)}'", policy)
    assert policy.startswith("default-src 'none';")
    assert "connect-src" not in policy
    outside = page.replace(script, "").replace(style, "")
    assert not re.findall(r"https?://", outside)
    assert not re.findall(r'\b(?:src|href)="(?!data:|#)', outside)
    assert "@import" not in style
    assert not re.findall(r"url\((?!['\"]?data:)", style)


REQUEST = "GET {} HTTP/1.1\r\nHost: HOST\r\n\r\n"
LEFT_OPEN = {  # what a client has sent when the server ends
    "no connection": [],
    "open connections": [
        "",
        REQUEST.format("/"),  # answered, kept alive
        "GET / HTTP/1.1\r\nHost: ",
        2 * REQUEST.format("/data/runtime.wasm"),  # 13 MB each, never read
    ],
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal that asks a process to stop")
@pytest.mark.parametrize("sent", LEFT_OPEN.values(), ids=LEFT_OPEN)
def test_the_command_ends_quietly_when_it_is_interrupted(sent, digits_run):
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # also where a shell ignores it
    command = [
        sys.executable,
        "-c",
        f"{heard}; import sys; from enfold.cli import main; sys.exit(main(sys.argv[1:]))",
    ]
    command += ["explore", digits_run.folder, "--rows", "20", "--no-browser", "--json"]
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}  # as a pipe is, where nobody asks otherwise
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=buffered)
    found = json.loads(process.stdout.readline())["address"]
    with ExitStack() as connections:
        for text in sent:
            host = found.removeprefix("http://").rstrip("/")
            client = connections.enter_context(socket.create_connection(host.split(":")))
            client.sendall(text.replace("HOST", host).encode())
            if text.endswith("\r\n\r\n"):
                assert client.recv(12) == b"HTTP/1.1 200"
        assert ask(found, "/data/manifest.json")[0] == 200  # by then the server has read what was sent before
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "enfold: interrupted\n")


def test_the_commands_write_files_and_refuse_what_the_user_can_fix(digits_run, tmp_path, capsys):
    def run(*arguments):
        status = main([str(each) for each in arguments])
        return status, *capsys.readouterr()

    folder, page = digits_run.folder, tmp_path / "digits.html"
    status, out, _ = run("share", folder, "digits", "--rows", 30, "-o", page, "--json")
    assert (status, json.loads(out)) == (0, {"out": str(page), "bytes": page.stat().st_size})
    status, out, _ = run("export", folder, "-o", tmp_path / "model", "--json")
    assert status == 0
    assert set(json.loads(out)["files"]) == {each.name for each in (tmp_path / "model").iterdir()}
    for arguments, message in (
        (("share", folder, "-o", tmp_path / "page.pdf"), "Use .html"),
        (("share", folder, "-o", page, "--rows", 0), "at least 1 row"),
        (("share", folder, "nothing.csv", "-o", page), "no file, folder or data set"),
        (("export", tmp_path, "-o", tmp_path / "other"), "not a run folder"),
        (("export", folder, "-o", page), "Cannot write"),
        (("explore", tmp_path), "not a run folder"),
    ):
        status, out, err = run(*arguments)
        assert (status, out) == (2, "")
        assert message in err
