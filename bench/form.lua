-- Sends a form.

wrk.method = "POST"
wrk.body = "name=Ada+Lovelace&note=something+longer+%3Cthan%3E+this"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
