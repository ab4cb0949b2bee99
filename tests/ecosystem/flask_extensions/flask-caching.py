"""A view kept by its query, a function kept by its arguments, a piece of a template."""

from flask_caching import Cache

from quart import render_template_string


def use(app, views):
    app.config["CACHE_TYPE"] = "SimpleCache"
    cache = Cache(app)
    calls = []

    @views.add("/view", cache.cached(query_string=True))
    def view():
        calls.append("view")
        return str(calls.count("view"))

    @cache.memoize()
    def square(number):
        calls.append("square")
        return number * number

    @views.add("/square/<int:number>")
    def show(number):
        return f"{square(number)} {calls.count('square')}"

    @views.add("/part/<text>")
    def part(text):
        return render_template_string("{% cache 60, 'part' %}{{ text }}{% endcache %}", text=text)


def check(client):
    assert ["1", "1", "2"] == [client.get(f"/view?{q}").text for q in ("a=1", "a=1", "a=2")]
    assert ["9 1", "9 1", "16 2"] == [client.get(f"/square/{n}").text for n in (3, 3, 4)]
    assert ["one", "one"] == [client.get(f"/part/{text}").text for text in ("one", "two")]
