"""A file service: uploads of any size with progress, downloads that can be resumed.

``python app.py`` keeps the files in ``uploads``, or where ``QUART_UPLOADS`` says.
"""

import os
import secrets
from pathlib import Path

from werkzeug.utils import secure_filename

from quart import Quart, abort, render_template, request, send_from_directory, url_for
from quart.utils import run_sync

app = Quart(__name__)
app.config.from_mapping(UPLOADS=str(Path(app.root_path, "uploads")), UPLOAD_SIZE=2 * 1024**3)
app.config.from_prefixed_env()


@app.before_serving
async def make_directory():
    Path(app.config["UPLOADS"]).mkdir(parents=True, exist_ok=True)


@app.get("/")
async def page():
    return await render_template("files.html", files=await run_sync(list_files)())


def list_files():
    entries = [entry for entry in os.scandir(app.config["UPLOADS"]) if entry.name[0] != "."]
    return sorted((entry.name, entry.stat().st_size) for entry in entries)


@app.get("/files/<name>")
async def download(name):
    """Answers a range with 206, and an unchanged file with 304.

    As an attachment: an HTML file that somebody uploaded must not run in this site's name.
    """
    return await send_from_directory(app.config["UPLOADS"], name, as_attachment=True)


@app.post("/files", max_content_length=None)
async def upload():
    async for part in request.multipart():
        if part.filename:
            name = secure_filename(part.filename)
            if not name:
                abort(400, "The file needs a name.")
            size = await keep(part, Path(app.config["UPLOADS"], name))
            return {"url": url_for("download", name=name), "size": size}, 201
    abort(400, "There is no file.")


async def keep(part, path):
    """Write a part as it comes in, and give it its name when all of it is there."""
    unfinished = path.with_name(f".{secrets.token_hex(8)}")
    size = 0
    try:
        with unfinished.open("wb") as file:
            async for data in part:
                size += len(data)
                if size > app.config["UPLOAD_SIZE"]:
                    abort(413)
                await run_sync(file.write)(data)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return size


if __name__ == "__main__":
    app.run()
