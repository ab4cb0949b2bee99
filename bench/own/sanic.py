import sys

from apps.sanic import plain

if __name__ == "__main__":
    plain().run(host="127.0.0.1", port=int(sys.argv[1]), single_process=True, access_log=False)
