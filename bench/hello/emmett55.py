import tempfile

from emmett55 import App, response

# Emmett makes folders for logs and static files: give it a place for them.
app = App("hello", root_path=tempfile.mkdtemp())
app.config.handle_static = False


@app.route("/")
async def hello():
    response.content_type = "text/plain; charset=utf-8"
    return "Hello, world!"
