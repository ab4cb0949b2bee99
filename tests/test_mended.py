"""What each line under "Mended" in docs/differences.md is shown by: the tests, by name."""

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs/differences.md"

#: How the lines begin, and where the right side is shown.
SHOWN_BY = {
    "JSON that is not UTF-8 got a 500": [
        "test_request_body.py::test_bad_json_is_400",
    ],
    "a query string with raw bytes raised an error in the server": [
        "test_odd_scopes.py::test_a_query_that_is_not_utf_8",
    ],
    "setting `request.max_content_length` had no effect on the body": [
        "test_request_body.py::test_the_limit_of_one_request",
    ],
    "`MAX_CONTENT_LENGTH` compared `Content-Length` and what was buffered": [
        "test_request_body.py::test_max_content_length",
        "test_request_body.py::test_a_content_length_that_lies",
    ],
    "a target that is a whole URL (`GET http://host/path`) got a 404 on some servers": [
        "test_absolute_targets.py::test_it_is_served_as_its_path",
    ],
    "a request body could trickle in forever": [
        "test_uploads.py::test_a_body_that_trickles_in",
    ],
    "a request body was received as fast as it arrived, and kept in memory": [
        "test_request_body.py::test_an_unread_upload_stays_with_the_client",
    ],
    "`MAX_FORM_MEMORY_SIZE` ignored urlencoded forms": [
        "test_forms.py::test_max_form_memory_size_of_a_urlencoded_body",
    ],
    "if a list such as `Accept` or `X-Forwarded-For` came in several lines, only the": [
        "test_bad_input.py::test_a_list_may_come_in_several_lines",
    ],
    "`request.authorization` raised an error for Basic credentials outside ASCII": [
        "test_bad_input.py::test_headers_that_are_read",
    ],
    "paths were logged unchanged": [
        "test_advisories.py::test_a_log_line_is_one_line",
    ],
    "a malformed multipart form looked empty": [
        "test_forms.py::test_malformed_multipart_is_400",
    ],
    "`BODY_TIMEOUT` did not apply to `async for`": [
        "test_request_body.py::test_body_timeout",
    ],
    "`request.stream` raised `NotImplementedError`": [
        "test_request_body.py::test_a_body_is_read_in_every_way",
        "test_request_body.py::test_the_stream_is_a_file_in_sync_code",
    ],
    "`TRUSTED_HOSTS` was ignored; as a class attribute it raised an error in the server": [
        "test_hosts_and_rules.py::test_trusted_hosts",
        "test_hosts_and_rules.py::test_trusted_hosts_of_a_class",
    ],
    "in debug mode, a missing file or field got an unexplained 400": [
        "test_beside_flask.py::test_the_same_error",
        "test_beside_flask.py::test_the_same_error_in_other_words",
    ],
    "with `SERVER_NAME`, requests for other hosts got a 404": [
        "test_hosts_and_rules.py::test_server_name_does_not_restrict_hosts",
    ],
    '`root_path="/app"` also matched `/application`': [
        "test_hosts_and_rules.py::test_root_path",
    ],
    "`request.headers` contained a `Remote-Addr` from the client, beside the server's": [
        "test_bad_input.py::test_an_address_is_not_forged",
    ],
    "after a disconnect during teardown, the remaining functions did not run": [
        "test_disconnects.py::test_teardown_is_not_cut_short",
    ],
    "coroutines that a sync view waited for continued after a disconnect": [
        "test_disconnects.py::test_what_a_sync_view_waits_for_is_cancelled",
    ],
    "the range `bytes=-500` got a 500": [
        "test_files.py::test_ranges",
    ],
    "a 416 lacked `Content-Range`": [
        "test_files.py::test_ranges",
    ],
    "`If-Match: *` with a weak ETag got a 412": [
        "test_files.py::test_if_match_of_any_etag",
    ],
    "a date with huge numbers in a condition got a 500": [
        "test_bad_input.py::test_headers_that_are_read",
    ],
    "a response used the `Headers` object that it was given": [
        "test_response.py::test_a_headers_object_may_be_given_to_many_responses",
    ],
    "an iterator or open file used as a body was never closed": [
        "test_response.py::test_a_body_is_closed",
        "test_response.py::test_an_open_file_is_closed",
    ],
    "several ranges got a 416": [
        "test_files.py::test_several_ranges",
    ],
    "server-sent events were a recipe": [
        "test_sse.py::test_encoding",
        "test_sse.py::test_no_response_timeout",
    ],
    "header values were encoded as UTF-8, and could contain line breaks": [
        "test_response.py::test_header_items",
        "test_response.py::test_header_items_refuses_what_breaks_the_protocol",
    ],
    "a `Location` was sent unchanged, even with spaces and characters outside ASCII": [
        "test_response.py::test_a_location_is_a_uri",
    ],
    "`RESPONSE_TIMEOUT` ended a response silently": [
        "test_sending.py::test_a_response_that_takes_too_long",
    ],
    "HTTP errors were Werkzeug responses, all others Quart responses": [
        "test_response.py::test_after_request_always_has_one_type",
    ],
    "`Response.get_json(silent=True)` raised errors, and `silent=False` did not": [
        "test_response.py::test_get_json",
    ],
    "views could not return `map` objects and other iterators": [
        "test_return_values.py::test_return_values",
        "test_return_values.py::test_iterators_are_streamed",
    ],
    "a file object was sent with `Cache-Control: public`": [
        "test_files.py::test_a_file_without_a_name",
    ],
    "of headers passed as pairs, only the last of each name was sent": [
        "test_return_values.py::test_all_headers_of_a_name_are_kept",
    ],
    "in `def` views, decorators of a `MethodView` and code around its": [
        "test_views.py::test_a_class_of_a_flask_application",
    ],
    "each item of a sync iterable needed a trip to a thread": [
        "test_response.py::test_a_sync_iterable_is_advanced_in_batches",
    ],
    "`Blueprint.get_send_file_max_age` and `USE_X_SENDFILE` were ignored": [
        "test_files.py::test_a_blueprint_has_its_own_max_age",
        "test_files.py::test_x_sendfile",
    ],
    "`PREFERRED_URL_SCHEME` was ignored": [
        "test_helpers.py::test_url_for_without_a_connection",
    ],
    "`SEND_FILE_MAX_AGE_DEFAULT = None` sent `Cache-Control: public`": [
        "test_files.py::test_max_age",
    ],
    "`send_file` looked up relative paths in the working directory": [
        "test_files.py::test_relative_paths",
    ],
    "an empty binary message raised `KeyError`": [
        "test_websockets.py::test_messages_keep_type_and_value",
    ],
    "an unhandled error closed the websocket with 1000": [
        "test_websockets.py::test_an_unhandled_error_closes_with_1011",
    ],
    "`receive_json` logged a message that was not JSON, and closed with 1000": [
        "test_websockets.py::test_bad_json_closes_with_1007",
        "test_websockets.py::test_bad_json_is_caught_as_before",
    ],
    "a `url_value_preprocessor` broke every websocket": [
        "test_line.py::test_hook_order",
    ],
    "a blueprint's `teardown_websocket` functions never ran": [
        "test_line.py::test_hook_order",
    ],
    "a sync receiver of `websocket_received` or `websocket_sent` ended the connection": [
        "test_websockets.py::test_message_signals",
    ],
    "messages were received as fast as they arrived, and kept in memory": [
        "test_websockets.py::test_a_sleeping_handler_reads_little_ahead",
    ],
    "the client's close code and reason were lost": [
        "test_websockets.py::test_iteration_ends_with_the_client",
    ],
    "with `TESTING`, an exception became a 500 page": [
        "test_testing_client.py::test_exceptions_reach_the_test_under_testing",
    ],
    "the debug page showed values without escaping them, and appeared with `TESTING`, too": [
        "test_debug.py::test_everything_is_escaped",
        "test_debug.py::test_testing_alone_raises",
    ],
    "if a teardown function raised an error, the others did not run, and the": [
        "test_line.py::test_every_teardown_function_runs",
    ],
    "an error in the handler of 500 was raised in the server": [
        "test_line.py::test_an_error_in_the_handler_of_500",
    ],
    "teardown functions got None for an error that was answered with a 500": [
        "test_line.py::test_teardown_gets_the_unhandled_error",
        "test_line.py::test_teardown_does_not_get_an_ignored_error",
    ],
    "`teardown_appcontext` functions ran in the order of registration": [
        "test_line.py::test_hook_order",
    ],
    "an `HTTPException` or a handled error inside an `ExceptionGroup` got a 500": [
        "test_line.py::test_error_handlers",
    ],
    "errors while the context was made (an invalid host, an unavailable session": [
        "test_hosts_and_rules.py::test_trusted_hosts_and_names",
        "test_contexts.py::test_a_session_store_that_is_down",
    ],
    "requests inside one `app.app_context()` shared `g`": [
        "test_contexts.py::test_each_connection_has_its_own_context",
        "test_testing_client.py::test_g_of_a_request_context_around_the_client",
    ],
    "`stream_with_context` lost `g` and ran teardown twice": [
        "test_helpers.py::test_a_stream_keeps_its_context",
    ],
    "context variables set in sync hooks and views were lost": [
        "test_line.py::test_sync_and_async_hooks_keep_their_order",
    ],
    "if an `after_request` function or error handler returned None, the error": [
        "test_beside_flask.py::test_the_same_error_in_other_words",
    ],
    "a sync function that replaced `handle_user_exception` or a similar method had": [
        "test_flask_code.py::test_sync_error_handling_of_an_extension",
    ],
    "`@app.template_filter` and similar decorators had no effect without parentheses": [
        "test_templating.py::test_filters_tests_and_globals_without_parentheses",
    ],
    "objects with an `async __call__` failed as views": [
        "test_line.py::test_callable_objects",
    ],
    "`while_serving` functions worked only for the first startup": [
        "test_serving.py::test_an_application_starts_again",
    ],
    "if the startup failed, what had started before stayed open": [
        "test_serving.py::test_a_later_start_that_fails_ends_the_earlier_ones",
    ],
    "async commands did nothing and exited with status 0": [
        "test_cli.py::test_an_async_command",
    ],
    "with `provide_automatic_options=True`, OPTIONS got a 405": [
        "test_beside_flask.py::test_automatic_options",
    ],
    "cookies ignored their path and domain": [
        "test_testing_cookies.py::test_path_and_domain",
    ],
    "redirects kept the query string, sent the body again after a 303, ignored the": [
        "test_testing_client.py::test_redirects_drop_method_and_body",
        "test_testing_client.py::test_redirects_go_where_they_say",
        "test_testing_client.py::test_redirects_in_a_circle_end",
    ],
    "a streamed response had a `Content-Length` that was not sent": [
        "test_testing_client.py::test_headers_are_those_that_were_sent",
    ],
    "lists in `form=` were turned into strings": [
        "test_testing_utils.py::test_bodies",
    ],
    "a query outside ASCII raised an error": [
        "test_testing_client.py::test_path_and_query_may_have_any_character",
    ],
}


def test_each_line_has_its_tests() -> None:
    mended = PAGE.read_text().partition("## Mended")[2].partition("## Chosen")[0]
    lines = re.findall(r"^\| (.+?) +\| ", mended, re.MULTILINE)
    lines = [line for line in lines if line != "Quart 0.22"]

    assert len(SHOWN_BY) == len(lines)
    assert [] == [line for line in lines if not line.startswith(tuple(SHOWN_BY))]


def test_the_tests_are_there() -> None:
    lacking = []
    for tests in SHOWN_BY.values():
        for test in tests:
            file, _, name = test.partition("::")
            if f"def {name}(" not in (HERE / file).read_text():
                lacking.append(test)

    assert [] == lacking
