"""The signals that an application sends about its life, its connections and its templates.

The comment at each signal says who sends it, and with which arguments. A signal is sent only if a
receiver is connected. Receivers may be plain functions or coroutine functions.
"""

from blinker import Namespace

# Separate from Flask's own signals, so that receivers for one framework never get the other's.
_signals = Namespace()

signals_available = True

#: Sent by the app before a template is rendered: ``template``, ``context``.
before_render_template = _signals.signal("before-render-template")
#: Sent by the app after a template was rendered: ``template``, ``context``.
template_rendered = _signals.signal("template-rendered")

#: Sent by the app after a request was matched, before the first hook.
request_started = _signals.signal("request-started")
#: Sent by the app when the response is complete: ``response``.
request_finished = _signals.signal("request-finished")
#: Sent by the app when a request's context closes: ``exc``, an exception or None.
request_tearing_down = _signals.signal("request-tearing-down")
#: Sent by the app for an exception that no handler handled: ``exception``.
got_request_exception = _signals.signal("got-request-exception")

#: Sent by the app after a websocket was matched, before the first hook.
websocket_started = _signals.signal("websocket-started")
#: Sent by the app after a websocket's view has ended: ``response``, a response or None.
websocket_finished = _signals.signal("websocket-finished")
#: Sent by the app when a websocket's context closes: ``exc``, an exception or None.
websocket_tearing_down = _signals.signal("websocket-tearing-down")
#: Sent by the app for an exception that no handler handled: ``exception``.
got_websocket_exception = _signals.signal("got-websocket-exception")
#: Sent with the message itself (str or bytes) as the sender, after it was received.
websocket_received = _signals.signal("websocket-received")
#: Sent with the message itself (str or bytes) as the sender, after it was sent.
websocket_sent = _signals.signal("websocket-sent")

#: Sent by the app after a context was opened.
appcontext_pushed = _signals.signal("appcontext-pushed")
#: Sent by the app when a context closes, after its teardown functions: ``exc`` or None.
appcontext_tearing_down = _signals.signal("appcontext-tearing-down")
#: Sent by the app after a context was closed.
appcontext_popped = _signals.signal("appcontext-popped")

#: Sent by the app for an exception in a background task: ``exception``.
got_background_exception = _signals.signal("got-background-exception")
#: Sent by the app for an exception in a startup or shutdown function: ``exception``.
got_serving_exception = _signals.signal("got-serving-exception")

#: Sent by the app after a message was flashed: ``message``, ``category``.
message_flashed = _signals.signal("message-flashed")
