"""Headers for security, a policy with a nonce, one view's own, and HTTPS."""

from flask_talisman import Talisman

from quart import render_template_string


def use(app, views):
    talisman = Talisman(
        app,
        force_https=False,
        content_security_policy={"default-src": "'self'"},
        content_security_policy_nonce_in=["default-src"],
    )

    @views.add("/")
    def page():
        return render_template_string("{{ csp_nonce() }}")

    @views.add("/framed", talisman(frame_options="ALLOW-FROM", frame_options_allow_from="x"))
    def framed():
        return "framed"

    @views.add("/secure", talisman(force_https=True))
    def secure():
        return "secure"


def check(client):
    page = client.get("/")
    assert "SAMEORIGIN" == page.headers["X-Frame-Options"]
    assert page.text and f"'nonce-{page.text}'" in page.headers["Content-Security-Policy"]
    assert "ALLOW-FROM x" == client.get("/framed").headers["X-Frame-Options"]
