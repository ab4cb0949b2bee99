"""A form with a file, its errors, its CSRF token, and CSRF protection of all views."""

import re

import flask
from flask_wtf import CSRFProtect, FlaskForm
from flask_wtf.file import FileField
from wtforms import StringField
from wtforms.validators import DataRequired

from quart import render_template_string
from quart.utils import run_sync


class Form(FlaskForm):
    name = StringField(validators=[DataRequired()])
    file = FileField()


def use(app, views):
    CSRFProtect(app)
    page = "{{ form.csrf_token }} {{ form.errors }}"

    if views.is_async and not views.patched:

        @views.add("/form", methods=["GET", "POST"])
        async def form():
            form = await run_sync(Form)()  # it reads the form
            if await run_sync(form.validate_on_submit)():
                return f"{form.name.data} {form.file.data.read().decode()}"
            return await render_template_string(page, form=form)

    else:

        @views.add("/form", methods=["GET", "POST"])
        def form():
            form = Form()
            if form.validate_on_submit():
                flask.flash("done")
                return f"{form.name.data} {form.file.data.read().decode()}"
            return render_template_string(page, form=form)


def check(client):
    token = re.search('value="(.+?)"', client.get("/form").text)[1]
    file = {"file": ("a.txt", b"content")}
    assert 400 == client.post("/form", form={"name": "ada"}, files=file).status
    assert "required" in client.post("/form", form={"csrf_token": token}, files=file).text
    fields = {"name": "ada", "csrf_token": token}
    assert "ada content" == client.post("/form", form=fields, files=file).text
