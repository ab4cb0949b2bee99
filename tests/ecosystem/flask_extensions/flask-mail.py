"""A message with an attachment."""

from flask_mail import Mail, Message


def use(app, views):
    app.config.update(MAIL_SUPPRESS_SEND=True, MAIL_DEFAULT_SENDER="app@example.org")
    mail = Mail(app)

    @views.add("/")
    def send():
        with mail.record_messages() as outbox:
            message = Message("Greetings", recipients=["ada@example.org"], body="Hello")
            message.attach("a.txt", "text/plain", "content")
            mail.send(message)
            return f"{outbox[0].subject} {outbox[0].sender} {outbox[0].attachments[0].filename}"


def check(client):
    assert "Greetings app@example.org a.txt" == client.get("/").text
