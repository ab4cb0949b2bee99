"""Flask-Mail: a message sent over SMTP by a view, with what the template made of it."""

import socketserver
import threading

import quart_flask_patch  # noqa: F401
from flask_mail import Mail, Message

from quart import Quart, render_template_string

received = []


class Mailbox(socketserver.StreamRequestHandler):
    """As much of an SMTP server as takes one message."""

    def handle(self) -> None:
        self.wfile.write(b"220 mailbox\r\n")
        while line := self.rfile.readline():
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                received.append(b"".join(lines).decode())
            if word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


mailbox = socketserver.TCPServer(("127.0.0.1", 0), Mailbox)
threading.Thread(target=mailbox.serve_forever, daemon=True).start()

app = Quart(__name__)
app.config["MAIL_PORT"] = mailbox.server_address[1]
app.config["MAIL_DEFAULT_SENDER"] = "app@example.org"
mail = Mail(app)


@app.post("/send")
async def send():
    text = await render_template_string("Dear {{ name }}", name="Ada")
    mail.send(Message("Greetings", recipients=["ada@example.org"], body=text))
    return "sent"


@app.post("/send-sync")
def send_sync():
    with mail.connect() as connection:
        connection.send(Message("Again", recipients=["ada@example.org"], body="text"))
    return "sent"


def test(client):
    answer = client.post("/send")
    assert (200, "sent") == (answer.status, answer.text)
    assert "Subject: Greetings" in received[0]
    assert "To: ada@example.org" in received[0]
    assert "Dear Ada" in received[0]
    assert "sent" == client.post("/send-sync").text
    assert "Subject: Again" in received[1]
