"""Flask-Talisman: HTTPS forced, the security headers, a nonce for scripts, a view of its own."""

import quart_flask_patch  # noqa: F401
from flask_talisman import Talisman
from hypercorn.middleware import ProxyFixMiddleware

from quart import Quart, render_template_string

app = Quart(__name__)
talisman = Talisman(
    app,
    content_security_policy={"default-src": "'self'", "script-src": "'self'"},
    content_security_policy_nonce_in=["script-src"],
)
app.asgi_app = ProxyFixMiddleware(app.asgi_app)


@app.get("/")
async def index():
    return await render_template_string("<script nonce='{{ csp_nonce() }}'></script>")


@app.get("/framed")
@talisman(frame_options="ALLOW-FROM", frame_options_allow_from="http://friend.example")
def framed():
    return "framed"


def test(client):
    plain = client.get("/", {"Host": "site.example"})
    assert (302, "https://site.example/") == (plain.status, plain.headers["Location"])

    proxied = {"X-Forwarded-Proto": "https"}
    answer = client.get("/", proxied)
    policy = answer.headers["Content-Security-Policy"]
    nonce = answer.text.split("'")[1]
    assert len(nonce) > 16
    assert f"script-src 'self' 'nonce-{nonce}'" in policy
    assert "SAMEORIGIN" == answer.headers["X-Frame-Options"]
    assert "nosniff" == answer.headers["X-Content-Type-Options"]
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    assert nonce != client.get("/", proxied).text.split("'")[1]
    assert "friend.example" in client.get("/framed", proxied).headers["X-Frame-Options"]
