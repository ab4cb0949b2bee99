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


app.start(host="127.0.0.1", port=int(sys.argv[1]))
