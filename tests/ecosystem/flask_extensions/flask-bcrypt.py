"""A password that is hashed and checked."""

from flask_bcrypt import Bcrypt


def use(app, views):
    app.config["BCRYPT_LOG_ROUNDS"] = 4
    bcrypt = Bcrypt(app)

    @views.add("/<password>")
    def check_password(password):
        hashed = bcrypt.generate_password_hash("right")
        return str(bcrypt.check_password_hash(hashed, password))


def check(client):
    assert ["True", "False"] == [client.get(f"/{word}").text for word in ("right", "wrong")]
