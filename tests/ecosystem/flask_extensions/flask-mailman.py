"""A message to the box in memory."""

from flask_mailman import EmailMessage, Mail


def use(app, views):
    app.config.update(MAIL_BACKEND="locmem", MAIL_DEFAULT_SENDER="app@example.org")
    mail = Mail(app)

    @views.add("/")
    def send():
        EmailMessage("Greetings", "Hello", to=["ada@example.org"]).send()
        return f"{mail.outbox[0].subject} {mail.outbox[0].from_email}"


def check(client):
    assert "Greetings app@example.org" == client.get("/").text
