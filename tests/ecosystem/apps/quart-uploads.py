"""Quart-Uploads: a file saved in a set, its URL and path, another kind of file refused."""

import tempfile
from pathlib import Path

from quart_uploads import FE, UploadNotAllowed, UploadSet, configure_uploads

from quart import Quart, request

folder = Path(tempfile.mkdtemp())
app = Quart(__name__)
app.config["UPLOADED_PHOTOS_DEST"] = str(folder)
photos = UploadSet("photos", FE.Images)
configure_uploads(app, photos)


@app.post("/upload")
async def upload():
    name = await photos.save((await request.files)["photo"])
    return {"name": name, "url": photos.url(name)}


@app.errorhandler(UploadNotAllowed)
async def refused(error):
    return "refused", 415


def test(client):
    sent = client.post("/upload", files={"photo": ("a.png", b"pixels")}).json
    assert "a.png" == sent["name"]
    assert b"pixels" == (folder / "a.png").read_bytes()
    assert b"pixels" == client.get("/" + sent["url"].split("/", 3)[3]).body

    again = client.post("/upload", files={"photo": ("a.png", b"more")}).json
    assert "a_1.png" == again["name"]
    assert 415 == client.post("/upload", files={"photo": ("a.exe", b"x")}).status
