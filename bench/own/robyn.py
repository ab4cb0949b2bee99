import sys

from robyn import Robyn, jsonify

from apps.common import GREETING, user

app = Robyn(__file__)


@app.get("/")
async def hello(request):
    return GREETING


@app.get("/user/:id")
async def show_user(request):
    return jsonify(user(int(request.path_params["id"])))


port = int(sys.argv.pop(1))
app.start(host="127.0.0.1", port=port)
