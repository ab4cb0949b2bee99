"""A job that a view adds, and that runs within the application."""

import time

from flask_apscheduler import APScheduler


def use(app, views):
    scheduler = APScheduler()
    scheduler.init_app(app)
    scheduler.start()
    ran = []

    def job():
        with scheduler.app.app_context():
            ran.append(scheduler.app.name)

    @views.add("/add")
    def add():
        scheduler.add_job("job", job)
        return "added"

    @views.add("/ran")
    def show():
        return " ".join(ran)


def check(client):
    assert "added" == client.get("/add").text
    deadline = time.monotonic() + 10
    while not (text := client.get("/ran").text) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "app" == text
