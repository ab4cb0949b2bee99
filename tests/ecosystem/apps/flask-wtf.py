"""Flask-WTF: a form with its CSRF token, refused without; an upload; protection of all views."""

import re

import quart_flask_patch  # noqa: F401
from flask_wtf import CSRFProtect, FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import StringField
from wtforms.validators import DataRequired

from quart import Quart, render_template_string

app = Quart(__name__)
app.secret_key = "secret"
CSRFProtect(app)


class Form(FlaskForm):
    name = StringField(validators=[DataRequired()])
    file = FileField(validators=[FileRequired()])


@app.route("/", methods=["GET", "POST"])
async def index():
    form = Form()
    if form.validate_on_submit():
        return f"{form.name.data}: {form.file.data.filename}, {form.file.data.read().decode()}"
    return await render_template_string("{{ form.csrf_token }} {{ form.errors }}", form=form)


@app.post("/plain")
async def plain():
    return "done"


def test(client):
    token = re.search('value="(.+?)"', client.get("/").text)[1]
    file = {"file": ("a.txt", b"content")}

    sent = client.post("/", form={"name": "ada", "csrf_token": token}, files=file)
    assert (200, "ada: a.txt, content") == (sent.status, sent.text)
    assert "required" in client.post("/", form={"csrf_token": token}, files=file).text
    assert 400 == client.post("/", form={"name": "ada"}, files=file).status
    assert 400 == client.post("/plain").status
    assert "done" == client.post("/plain", headers={"X-CSRFToken": token}).text
