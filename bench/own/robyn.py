import sys

from apps.common import GREETING, user
from robyn import Robyn, jsonify

app = Robyn(__file__)


@app.get("/")
async def hello(request):
    return GREETING


@app.get("/user/:id")
async def show_user(request):
    return jsonify(user(int(request.path_params["id"])))


port = int(sys.argv.pop(1))  # The rest are its own: --log-level.
app.start(host="127.0.0.1", port=port)
