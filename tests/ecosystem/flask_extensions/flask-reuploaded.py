"""A file that is saved and served, one that is refused."""

import tempfile

import flask
from flask_uploads import IMAGES, UploadNotAllowed, UploadSet, configure_uploads

from quart import request
from quart.utils import run_sync


def use(app, views):
    app.config["UPLOADED_PHOTOS_DEST"] = tempfile.mkdtemp()
    app.config["UPLOADS_AUTOSERVE"] = True
    photos = UploadSet("photos", IMAGES)
    configure_uploads(app, photos)

    def save(file):
        try:
            return photos.url(photos.save(file))
        except UploadNotAllowed:
            return "refused", 415

    if views.is_async:

        @views.add("/", methods=["POST"])
        async def add():
            return await run_sync(save)((await request.files)["file"])  # it writes a file

    else:

        @views.add("/", methods=["POST"])
        def add():
            return save(flask.request.files["file"])


def check(client):
    url = client.post("/", files={"file": ("a.png", b"content")}).text
    assert url.endswith("/photos/a.png")
    assert b"content" == client.get(url[url.index("/_uploads") :]).body
    assert 415 == client.post("/", files={"file": ("a.exe", b"content")}).status
