"""Entries of a menu, and which one is shown."""

from flask_menu import Menu, current_menu

from quart import render_template_string

PAGE = "{% for i in current_menu.children %}{{ i.url }} {{ i.text }} {{ i.active }};{% endfor %}"


def use(app, views):
    Menu(app)

    @views.add("/")
    def home():
        return render_template_string(PAGE)

    @views.add("/b")
    def b():
        return render_template_string(PAGE)

    @app.before_serving
    async def fill():
        async with app.app_context():
            for name in ("home", "b"):
                current_menu.submenu(f".{name}").register(views.endpoint(name), name)


def check(client):
    assert "/ home False;/b b True;" == client.get("/b").text
