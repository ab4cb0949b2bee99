"""Links to pages."""

import flask
from flask_paginate import Pagination, get_page_parameter


def use(app, views):
    @views.add("/")
    def page():
        number = flask.request.args.get(get_page_parameter(), type=int, default=1)
        return str(Pagination(page=number, total=50, record_name="notes").links)


def check(client):
    assert "/?page=3" in client.get("/?page=2").text
