"""The table of bad input: what is sent over a raw socket, and what must come back.

A row is a Case. `data` are the bytes, or several pieces that are sent a moment apart. `status` and `code` are the answer's;
`errors` the whole set of (pointer, code), or (line, pointer, code) in a batch; `closed` says whether the connection ends with
the answer (None: either). `form` is the error's form: "problem" (RFC 9457) or "older" ({"error": …}). Cases that are taken
(2xx) stand here too: odd but right input must not be refused.
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass
from typing import Any, Iterable, Optional

from raw_http import HELLO
from records import build, coupon, fresh, user

JSON = "application/json"
NDJSON = "application/x-ndjson"
KIBI = 1024


@dataclass(frozen=True)
class Case:
    name: str
    data: bytes | tuple[bytes, ...]
    status: int
    code: Optional[str] = None
    errors: Optional[frozenset] = None
    closed: Optional[bool] = False
    form: str = "problem"
    headers: tuple[tuple[str, str], ...] = ()


# ---- how requests are made


def request(method: str, target: str, *lines: str, body: Optional[bytes] = None, length: bool = True,
            version: str = "HTTP/1.1", host: bool = True) -> bytes:
    head = [f"{method} {target} {version}", *(["Host: a"] if host else []), *lines]
    if body is not None and length:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + (body or b"")


def send(method: str, target: str, body: bytes | str, media: str = JSON) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    return request(method, target, f"Content-Type: {media}", body=data)


def event(**changes: Any) -> dict[str, Any]:
    """In the past, so that no other test is shown it."""
    return build("event", **{"begin_timestamp": "2020-01-01T10:00:00Z", "end_timestamp": "2020-01-01T12:00:00Z", **changes})


MAKERS = {"user": user, "event": event, "coupon": coupon}
BODY = json.dumps(user()).encode()
POST_USER = f"POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: {JSON}\r\n"


def written(record: dict[str, Any], **raw: str) -> str:
    """The record as JSON with some members written as given: written(coupon(), stake="1e999")."""
    text = json.dumps({**record, **{name: f"@{name}@" for name in raw}}, ensure_ascii=False)
    for name, value in raw.items():
        text = text.replace(f'"@{name}@"', value)
    return text


# ---- heads: what is no request of this server


def bad_head(name: str, data: bytes | tuple[bytes, ...], status: int = 400, code: str = "bad_request", **more: Any) -> Case:
    return Case(f"head: {name}", data, status, code, closed=more.pop("closed", True), **more)


def lines_of(count: int) -> list[str]:
    return [f"X-{n}: 1" for n in range(count)]


HEADS = [
    Case("head: hello", HELLO, 200),
    Case("head: HEAD", request("HEAD", "/hello"), 200),
    Case("head: an empty line first", b"\r\n" + HELLO, 200),
    Case("head: in two pieces", (HELLO[:9], HELLO[9:]), 200),
    Case("head: byte by byte at its end", (HELLO[:-3], b"\n", b"\r", b"\n")[:1] + (HELLO[-3:],), 200),
    Case("head: an empty value", request("GET", "/hello", "X-API-Key:"), 200),
    Case("head: no blank before the value", request("GET", "/hello", "X-A:b"), 200),
    Case("head: blanks after the value", request("GET", "/hello", "X-A: b   "), 200),
    Case("head: Connection: close", request("GET", "/hello", "Connection: close"), 200, closed=True),
    Case("head: HTTP/1.0", request("GET", "/hello", version="HTTP/1.0"), 200, closed=True),
    Case("head: HTTP/1.0 PUT", request("PUT", "/v1/users/u", f"Content-Type: {JSON}", body=b"{", version="HTTP/1.0"),
         400, "bad_json", closed=True),
    Case("head: HTTP/1.0 DELETE", request("DELETE", "/v1/coupons/c", version="HTTP/1.0"), 405, "method_not_allowed",
         closed=True, headers=(("allow", "GET, HEAD"),)),
    Case("head: absolute form", request("GET", "http://a/hello"), 200),
    Case("head: absolute form with a port", request("GET", "http://a:5000/v1/users/nobody"), 404, "not_found"),
    Case("head: absolute form without a path", request("GET", "http://a"), 404, "not_found"),
    Case("head: absolute form, query only", request("GET", "HTTP://a?n=1"), 404, "not_found"),
    Case("head: 60 lines", request("GET", "/hello", *lines_of(60)), 200),
    Case("head: a cookie of 4 KiB", request("GET", "/hello", "Cookie: " + "c" * 4096), 200),
    Case("head: two of a header that may repeat", request("GET", "/hello", "Accept: a/b", "Accept: c/d"), 200),
    bad_head("rubbish", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 rubbish\r\n\r\n"),
    bad_head("only line ends", b"\r\n\r\n"),
    bad_head("only line ends, many", b"\r\n" * 50),
    bad_head("no lines after the first", b"GET /hello HTTP/1.1\r\n\r\n"),
    bad_head("no version", b"GET /hello\r\nHost: a\r\n\r\n"),
    bad_head("only a method", b"GET\r\nHost: a\r\n\r\n"),
    bad_head("a fourth word", b"GET /hello HTTP/1.1 more\r\nHost: a\r\n\r\n"),
    bad_head("a blank in the target", b"GET /hel lo HTTP/1.1\r\nHost: a\r\n\r\n"),
    bad_head("two blanks after the method", b"GET  /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
    bad_head("a blank before the method", b" GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
    bad_head("a blank at the end of the line", b"GET /hello HTTP/1.1 \r\nHost: a\r\n\r\n"),
    bad_head("a tab for a blank", b"GET\t/hello\tHTTP/1.1\r\nHost: a\r\n\r\n"),
    bad_head("HTTP/3.0", request("GET", "/hello", version="HTTP/3.0"), 505, "http_version"),
    bad_head("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    bad_head("HTTP/1.2", request("GET", "/hello", version="HTTP/1.2"), 505, "http_version"),
    bad_head("HTTP/0.9", b"GET /hello\r\n\r\n"),
    bad_head("a version that is none", request("GET", "/hello", version="HTCPCP/1.0"), 505, "http_version"),
    bad_head("no Host", request("GET", "/hello", "X: 1", host=False)),
    bad_head("no Host in HTTP/1.0", request("GET", "/hello", "X: 1", host=False, version="HTTP/1.0")),
    bad_head("an empty Host", b"GET /hello HTTP/1.1\r\nHost:\r\n\r\n"),
    bad_head("two Hosts", request("GET", "/hello", "Host: b"), form="older"),
    bad_head("the same Host twice", request("GET", "/hello", "Host: a"), form="older"),
    bad_head("a Host that only begins so", b"GET /hello HTTP/1.1\r\nHostess: a\r\n\r\n"),
    bad_head("a Host of 300 bytes", b"GET /hello HTTP/1.1\r\nHost: " + b"a" * 300 + b"\r\n\r\n"),
    bad_head("LF line ends", HELLO.replace(b"\r\n", b"\n")),
    bad_head("LF in the middle", b"GET /hello HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
    bad_head("CR in a value", b"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
    bad_head("CR alone ends the line", b"GET /hello HTTP/1.1\rHost: a\r\r\n\r\n"),
    bad_head("NUL in a value", b"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
    bad_head("NUL in a name", b"GET /hello HTTP/1.1\r\nHost: a\r\nX\0: a\r\n\r\n"),
    bad_head("NUL in the target", b"GET /hel\0lo HTTP/1.1\r\nHost: a\r\n\r\n"),
    bad_head("NUL in the method", b"G\0T /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
    bad_head("NUL in the Host", b"GET /hello HTTP/1.1\r\nHost: a\0b\r\n\r\n"),
    bad_head("a control character in a value", b"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n"),
    bad_head("a line continued (obs-fold)", b"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"),
    bad_head("a line continued by a tab", b"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n"),
    bad_head("the first line continued", b"GET /hello HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n"),
    bad_head("a blank before the colon", b"GET /hello HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n"),
    bad_head("a line without a colon", b"GET /hello HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n"),
    bad_head("a line without a name", b"GET /hello HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
    bad_head("a name with a bracket", b"GET /hello HTTP/1.1\r\nHost: a\r\nX(y): b\r\n\r\n"),
    bad_head("a name with bytes above 127", b"GET /hello HTTP/1.1\r\nHost: a\r\nX\xc3\xa9: b\r\n\r\n"),
    bad_head("a method with a bracket", b"G(T /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
    bad_head("a target that is no path", b"GET hello HTTP/1.1\r\nHost: a\r\n\r\n"),
    bad_head("a target in UTF-8", "GET /v1/users/é HTTP/1.1\r\nHost: a\r\n\r\n".encode()),
    bad_head("a target with DEL", b"GET /v1/users/\x7f HTTP/1.1\r\nHost: a\r\n\r\n"),
    bad_head("CONNECT", b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
    bad_head("a target of 6 000 bytes", request("GET", "/" + "a" * 6000), 414, "uri_too_long"),
    bad_head("a query of 7 000 bytes", request("GET", "/v1/popular?sport=" + "a" * 7000), 414, "uri_too_long"),
    bad_head("a target without an end", b"GET /" + b"a" * 9000, 414, "uri_too_long"),
    bad_head("65 lines", request("GET", "/hello", *lines_of(80)), 431, "headers_too_large"),
    bad_head("500 lines", request("GET", "/hello", *[f"X{n}:" for n in range(500)]), 431, "headers_too_large"),
    bad_head("a line of 10 000 bytes", request("GET", "/hello", "X: " + "a" * 10000), 431, "headers_too_large"),
    bad_head("a name of 10 000 bytes", request("GET", "/hello", "X" * 10000 + ": a"), 431, "headers_too_large"),
    bad_head("a head without an end", b"GET /hello HTTP/1.1\r\n" + b"X: a\r\n" * 3000, 431, "headers_too_large"),
    bad_head("a megabyte without an end", b"GET /hello HTTP/1.1\r\n" + b"X" * 1_000_000, 431, "headers_too_large"),
    # Methods that are none of the path's.
    *[Case(f"method: {method}", request(method, "/hello"), 405, "method_not_allowed", form="older",
           headers=(("allow", "GET, HEAD"),)) for method in ("TRACE", "PROPFIND", "QUERY", "get", "Get", "GETT", "OPTIONS", "DELETE")],
    *[Case(f"method: {method} of /v1", request(method, "/v1/coupons"), 405, "method_not_allowed",
           headers=(("allow", "POST"),)) for method in ("TRACE", "LINK", "post", "GET", "HEAD", "OPTIONS", "DELETE")],
    Case("method: unknown, of an unknown path", request("BREW", "/pot"), 404, "not_found"),
    bad_head("method: unknown, with a body", request("SEARCH", "/v1/users", body=b"{}")),
    Case("method: PATCH", send("PATCH", "/v1/users/u", "{}"), 405, "method_not_allowed", headers=(("allow", "GET, HEAD, PUT, DELETE"),)),
    Case("method: OPTIONS *", request("OPTIONS", "*"), 404, "not_found"),
    # Answers of a listener have what they promise: see also test_hostile.py.
    Case("request id: echoed", request("GET", "/v1/none", "X-Request-Id: abc-1.2_3"), 404, "not_found",
         headers=(("x-request-id", "abc-1.2_3"),)),
]


# ---- lengths and bodies

LENGTHS = [
    bad_head("no length", (POST_USER + "\r\n").encode(), 411, "length_required"),
    bad_head("chunked", (POST_USER + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n").encode(), 411, "length_required"),
    bad_head("chunked, upper case", (POST_USER + "TRANSFER-ENCODING: CHUNKED\r\n\r\n").encode(), 411, "length_required"),
    bad_head("chunked and a length", (POST_USER + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}").encode()),
    bad_head("a length and chunked", (POST_USER + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}").encode()),
    bad_head("identity and a length", (POST_USER + "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}").encode()),
    bad_head("an empty coding and a length", (POST_USER + "Transfer-Encoding:\r\nContent-Length: 2\r\n\r\n{}").encode()),
    bad_head("chunked GET", request("GET", "/hello", "Transfer-Encoding: chunked"), form="older"),
    bad_head("two lengths", (POST_USER + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}").encode()),
    bad_head("the same length twice", (POST_USER + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}").encode()),
    *[bad_head(f"the length '{text}'", (POST_USER + f"Content-Length: {text}\r\n\r\n").encode() + b"{}")
      for text in ("+2", "-2", "0x2", "2, 2", "2;2", "2.0", "2e0", "two", "\xa02".encode().decode("latin-1"))],
    bad_head("no digits in the length", (POST_USER + "Content-Length:\r\n\r\n").encode()),
    bad_head("a length past 2^63", (POST_USER + "Content-Length: 9223372036854775808\r\n\r\n").encode(), 413, "too_large"),
    bad_head("a length of 60 digits", (POST_USER + f"Content-Length: {'9' * 60}\r\n\r\n").encode(), 413, "too_large"),
    bad_head("a length of 2^63-1", (POST_USER + "Content-Length: 9223372036854775807\r\n\r\n{").encode(), 413, "too_large"),
    bad_head("a length of 2^32", (POST_USER + "Content-Length: 4294967296\r\n\r\n{").encode(), 413, "too_large"),
    bad_head("a length past the limit by 1", (POST_USER + "Content-Length: 1048577\r\n\r\n").encode(), 413, "too_large"),
    bad_head("a body past the limit", send("POST", "/v1/users", b" " * (KIBI * KIBI + 1)), 413, "too_large"),
    bad_head("a body past the limit (older)", send("POST", "/register_user", b" " * (KIBI * KIBI + 1)), 413, "too_large"),
    Case("length: blanks around it", (POST_USER + "Content-Length:  2  \r\n\r\n{}").encode(), 422, "invalid_record"),
    Case("length: zeros before it", (POST_USER + "Content-Length: 0002\r\n\r\n{}").encode(), 422, "invalid_record"),
    Case("length: 0", send("POST", "/v1/users", b""), 400, "bad_json"),
    Case("length: 0 (older)", send("POST", "/register_user", b""), 400, form="older"),
    Case("length: 0 of NDJSON", send("POST", "/v1/users", b"", NDJSON), 400, "bad_json"),
    Case("length: a whole MiB", send("POST", "/v1/users", b" " * (KIBI * KIBI)), 400, "bad_json"),
    bad_head("bytes past the length", (POST_USER + "Content-Length: 2\r\n\r\n{}!").encode()),
    bad_head("a request past the length", (POST_USER + "Content-Length: 2\r\n\r\n{}").encode() + HELLO),
    bad_head("bytes past a length of 0", (POST_USER + "Content-Length: 0\r\n\r\nGET /").encode()),
    bad_head("two requests at once", HELLO + HELLO),
    bad_head("three requests at once", HELLO * 3),
    bad_head("a GET with a body", request("GET", "/hello", body=b"{}")),
    bad_head("a GET with a body in the next piece", (request("GET", "/hello", f"Content-Length: {len(HELLO)}"), HELLO), form="older"),
    bad_head("a HEAD with a body", request("HEAD", "/hello", body=b"{}")),
    bad_head("a DELETE with a body", request("DELETE", "/v1/events/e", body=b"{}")),
    bad_head("an OPTIONS with a body", request("OPTIONS", "/v1/users", body=b"{}")),
    Case("length: a GET with a length of 0", request("GET", "/hello", "Content-Length: 0"), 200),
    bad_head("a GET with a bad length", request("GET", "/hello", "Content-Length: x"), form="older"),
    Case("body: in three pieces", (send("POST", "/v1/users", BODY)[:-40], BODY[-40:-3], BODY[-3:]), 202),
    Case("expect: 100-continue, body at once", request("POST", "/v1/users", f"Content-Type: {JSON}", "Expect: 100-continue", body=BODY), 202),
    bad_head("expect: 100-continue, too long", (POST_USER + "Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n").encode(),
             413, "too_large"),
]

MEDIA = [
    *[Case(f"media: {media or 'none'}", request("POST", "/v1/users", *([f"Content-Type: {media}"] if media else []), body=BODY),
           415, "unsupported_media_type")
      for media in ("", "text/plain", "text/json", "application/xml", "application/jsonx", "application/json+x",
                    "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/octet-stream",
                    "application", "application/json, application/json", "*/*", ";charset=utf-8")],
    *[Case(f"media: taken as JSON: {media}", send("POST", "/v1/users", BODY, media), 202)
      for media in ("application/json", "APPLICATION/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8",
                    "application/json ; x=y", "application/json;")],
    Case("media: NDJSON of a PUT", send("PUT", "/v1/users/u", b"{}", NDJSON), 415, "unsupported_media_type"),
    Case("media: NDJSON of an older route", send("POST", "/register_user", BODY, NDJSON), 400, form="older"),
    Case("media: text of an older route", send("POST", "/register_user", BODY, "text/plain"), 400, form="older"),
    Case("media: none of an older route", request("POST", "/register_user", body=json.dumps(user()).encode()), 200),
    *[Case(f"coding: {coding}", request("POST", "/v1/users", f"Content-Type: {JSON}", f"Content-Encoding: {coding}", body=BODY),
           415, "unsupported_media_type") for coding in ("gzip", "br", "zstd", "deflate", "gzip, identity", "x")],
    Case("coding: identity", request("POST", "/v1/users", f"Content-Type: {JSON}", "Content-Encoding: identity",
                                     body=json.dumps(user()).encode()), 202),
    Case("coding: of an older route", request("POST", "/register_user", f"Content-Type: {JSON}", "Content-Encoding: gzip", body=BODY),
         400, form="older"),
]


# ---- JSON: what no route takes, as (name, bytes, code of the violation)

DEEP = b"[" * 17 + b"]" * 17
NOT_JSON: list[tuple[str, bytes, str]] = [
    ("text", b"nope", "syntax"),
    ("blanks", b" \t\r\n ", "syntax"),
    ("an open brace", b"{", "syntax"),
    ("an open string", b'{"a', "syntax"),
    ("an open array", b'{"a":[1,2', "syntax"),
    ("a comma at the end", b'{"a":1,}', "syntax"),
    ("no colon", b'{"a" 1}', "syntax"),
    ("no comma", b'{"a":1 "b":2}', "syntax"),
    ("single quotes", b"{'a':1}", "syntax"),
    ("no quotes", b"{a:1}", "syntax"),
    ("a comment", b'{"a":1/*x*/}', "syntax"),
    ("trailing bytes", b"{}x", "syntax"),
    ("two values", b"{}{}", "syntax"),
    ("a closing brace too much", b"{}}", "syntax"),
    ("a number at the top", b"17", "syntax"),
    ("a string at the top", b'"a"', "syntax"),
    ("null at the top", b"null", "syntax"),
    ("true at the top", b"true", "syntax"),
    ("NaN", b'{"a":NaN}', "syntax"),
    ("Infinity", b'{"a":Infinity}', "syntax"),
    ("-Infinity", b'{"a":-Infinity}', "syntax"),
    ("1e999", b'{"a":1e999}', "range"),
    ("-1e999", b'{"a":-1e999}', "range"),
    ("a number past int64", b'{"a":9223372036854775808}', "range"),
    ("a number below int64", b'{"a":-9223372036854775809}', "range"),
    ("a number of 400 digits", b'{"a":' + b"1" * 400 + b"}", "range"),
    ("a zero before a number", b'{"a":01}', "syntax"),
    ("a plus", b'{"a":+1}', "syntax"),
    ("no digit before the point", b'{"a":.5}', "syntax"),
    ("no digit after the point", b'{"a":1.}', "syntax"),
    ("no digit in the exponent", b'{"a":1e}', "syntax"),
    ("hexadecimal", b'{"a":0x10}', "syntax"),
    ("a lone minus", b'{"a":-}', "syntax"),
    ("a duplicate key", b'{"a":1,"a":1}', "duplicate_key"),
    ("a duplicate key, escaped", b'{"ab":1,"a\\u0062":2}', "duplicate_key"),
    ("a duplicate key deep inside", b'{"x":[{"a":1,"a":2}]}', "duplicate_key"),
    ("17 deep", DEEP, "depth"),
    ("17 deep, objects", b'{"a":' * 17 + b"1" + b"}" * 17, "depth"),
    ("100 000 deep", b"[" * 100_000, "depth"),
    ("\\u0000", b'{"a":"\\u0000"}', "encoding"),
    ("\\u0000 in a key", b'{"a\\u0000b":1}', "encoding"),
    ("a NUL byte", b'{"a":"\0"}', "syntax"),
    ("a NUL byte after the end", b"{}\0", "syntax"),
    ("a newline in a string", b'{"a":"x\ny"}', "syntax"),
    ("a tab in a string", b'{"a":"x\ty"}', "syntax"),
    ("a bad escape", b'{"a":"\\x41"}', "syntax"),
    ("a short escape", b'{"a":"\\u12"}', "syntax"),
    ("a lone high surrogate", b'{"a":"\\ud800"}', "encoding"),
    ("a lone low surrogate", b'{"a":"\\udc00"}', "encoding"),
    ("surrogates in the wrong order", b'{"a":"\\udc00\\ud800"}', "encoding"),
    ("a byte 0xff", b'{"a":"\xff"}', "encoding"),
    ("a lone continuation byte", b'{"a":"\x80"}', "encoding"),
    ("a character that is cut", b'{"a":"\xe2\x82"}', "encoding"),
    ("an overlong slash", b'{"a":"\xc0\xaf"}', "encoding"),
    ("an overlong NUL", b'{"a":"\xc0\x80"}', "encoding"),
    ("an overlong euro", b'{"a":"\xf0\x82\x82\xac"}', "encoding"),
    ("a surrogate in UTF-8", b'{"a":"\xed\xa0\x80"}', "encoding"),
    ("past U+10FFFF", b'{"a":"\xf4\x90\x80\x80"}', "encoding"),
    ("five bytes", b'{"a":"\xf8\x88\x80\x80\x80"}', "encoding"),
    ("bad UTF-8 in a key", b'{"\xff":1}', "encoding"),
    ("bad UTF-8 after a backslash", b'{"a":"\\\xe2"}', "syntax"),
    ("a byte order mark", b"\xef\xbb\xbf{}", "syntax"),
    ("UTF-16", '{"a":1}'.encode("utf-16"), "syntax"),
    ("UTF-32", '{"a":1}'.encode("utf-32-le"), "syntax"),
    ("Latin-1", '{"a":"é"}'.encode("latin-1"), "encoding"),
    ("gzip without saying so", b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "syntax"),
]
# Some bad bytes in a string are a matter of syntax to one parser, of encoding to another; both are 400.
EITHER = {"syntax", "encoding"}


def not_json_cases() -> Iterable[Case]:
    for name, body, code in NOT_JSON:
        errors = None if code in EITHER else frozenset({("", code)})
        yield Case(f"json: {name}", send("POST", "/v1/users", body), 400, "bad_json", errors)
        yield Case(f"json: {name} (put)", send("PUT", "/v1/events/e", body), 400, "bad_json", errors)
        yield Case(f"json: {name} (older)", send("POST", "/register_coupon", body), 400, form="older")


# ---- records: (kind, members as they are written, errors on /v1; {} taken, None 400 bad_json; the older routes' status)

INT19, ID64 = "9223372036854775807", "x" * 64
RULES: list[tuple[str, dict[str, str], Optional[set], int]] = [
    # whole numbers
    ("user", {"birth_year": "1990.0"}, {("/birth_year", "type")}, 400),
    ("user", {"birth_year": "1.99e3"}, {("/birth_year", "type")}, 400),
    ("user", {"birth_year": "-0"}, {("/birth_year", "range")}, 400),
    ("user", {"birth_year": INT19}, {("/birth_year", "range")}, 400),
    ("user", {"birth_year": "-9223372036854775808"}, {("/birth_year", "range")}, 400),
    ("user", {"birth_year": "4294969286"}, {("/birth_year", "range")}, 400),  # 1990 + 2^32
    ("user", {"birth_year": "false"}, {("/birth_year", "type")}, 400),
    ("user", {"version": "9007199254740993"}, {("/version", "range")}, 200),
    ("user", {"version": "-1"}, {("/version", "range")}, 200),
    ("user", {"version": "0"}, set(), 200),
    ("user", {"version": "1e3"}, {("/version", "type")}, 200),
    ("user", {"version": "null"}, {("/version", "type")}, 200),
    # decimals
    ("coupon", {"stake": "1e-999"}, {("/stake", "range")}, 200),
    ("coupon", {"stake": "-1e-999"}, {("/stake", "range")}, 200),
    ("coupon", {"stake": "0"}, {("/stake", "range")}, 200),
    ("coupon", {"stake": "-0"}, {("/stake", "range")}, 200),
    ("coupon", {"stake": "-0.0"}, {("/stake", "range")}, 200),
    ("coupon", {"stake": "0.00001"}, {("/stake", "decimals")}, 200),
    ("coupon", {"stake": "0.00005"}, {("/stake", "decimals")}, 200),
    ("coupon", {"stake": "0.0001"}, set(), 200),
    ("coupon", {"stake": "1e-4"}, set(), 200),
    ("coupon", {"stake": "1.00000"}, set(), 200),
    ("coupon", {"stake": "1000000000"}, set(), 200),
    ("coupon", {"stake": "1000000000.0000"}, set(), 200),
    ("coupon", {"stake": "1e9"}, set(), 200),
    ("coupon", {"stake": "1000000000.0001"}, {("/stake", "range")}, 400),
    ("coupon", {"stake": "1000000000.00001"}, {("/stake", "range")}, 400),
    ("coupon", {"stake": INT19}, {("/stake", "range")}, 400),
    ("coupon", {"stake": "1e308"}, {("/stake", "range")}, 400),
    ("coupon", {"stake": "-1e9"}, {("/stake", "range")}, 200),
    ("coupon", {"stake": "-1e10"}, {("/stake", "range")}, 400),
    ("coupon", {"stake": '"10"'}, {("/stake", "type")}, 400),
    ("coupon", {"stake": "null"}, {("/stake", "type")}, 400),
    ("coupon", {"stake": "[10]"}, {("/stake", "type")}, 400),
    *[("coupon", {"selections": f'[{{"event_id":"e","odds":{odds}}}]'}, {("/selections/0/odds", code)} if code else set(), older)
      for odds, code, older in [("1", "range", 200), ("1.0", "range", 200), ("1.0001", "", 200), ("1.00009", "decimals", 200),
                                ("1e6", "", 200), ("1000000.0001", "range", 200), ("1e-999", "range", 200), ("-1", "range", 200),
                                ("1e10", "range", 400), ('"2"', "type", 400), ("null", "type", 200), ("true", "type", 400)]],
    ("coupon", {"selections": '[{"event_id":"e"}]'}, {("/selections/0/odds", "required")}, 200),
    ("coupon", {"selections": "[]"}, {("/selections", "length")}, 200),
    ("coupon", {"selections": '[{"event_id":"e","odds":2},{"event_id":"e","odds":3}]'}, {("/selections/1/event_id", "duplicate")}, 400),
    ("coupon", {"selections": '[{"event_id":"é","odds":2},{"event_id":"e\u0301","odds":3}]'}, set(), 200),  # not normalised: two ids
    ("coupon", {"selections": '[{"event_id":"e","odds":2},{"event_id":"E","odds":2},{"event_id":"e ","odds":2}]'}, set(), 200),
    ("coupon", {"selections": "[" + ",".join('{"event_id":"e%d","odds":2}' % n for n in range(101)) + "]"}, {("/selections", "length")}, 400),
    ("coupon", {"selections": "[null]"}, {("/selections/0", "type")}, 400),
    ("coupon", {"selections": "[[]]"}, {("/selections/0", "type")}, 400),
    ("coupon", {"selections": '{"0":{}}'}, {("/selections", "type")}, 400),
    # times
    *[("coupon", {"timestamp": f'"{text}"'}, {("/timestamp", code)} if code else set(), older)
      for text, code, older in [
          ("2016-12-31T23:59:60Z", "", 200), ("2020-01-01T10:00:60Z", "", 200), ("2020-01-01T10:00:61Z", "format", 400),
          ("2020-01-01T24:00:00Z", "format", 400), ("2020-01-01T10:60:00Z", "format", 400), ("1899-12-31T23:59:59.999Z", "range", 400),
          ("1899-12-31T23:00:00-02:00", "", 200), ("1900-01-01T00:00:00+00:01", "range", 400), ("2201-01-01T00:00:00Z", "range", 400),
          ("2200-12-31T23:59:59.999Z", "future", 400), ("2020-01-01T10:00:00+14:00", "", 200), ("2020-01-01T10:00:00-14:00", "", 200),
          ("2020-01-01T10:00:00+23:59", "", 200), ("2020-01-01T10:00:00+24:00", "format", 400), ("2020-01-01T10:00:00+01:60", "format", 400),
          ("2020-01-01T10:00:00-00:00", "", 200), ("2020-01-01T10:00:00", "format", 200), ("2020-01-01t10:00:00z", "", 200),
          ("2020-01-01 10:00:00Z", "", 200), ("2020-01-01_10:00:00Z", "format", 400), ("2020-01-01T10:00:00.Z", "format", 400),
          ("2020-01-01T10:00:00.1234567890123456789Z", "", 200), ("2020-01-01T10:00:00,5Z", "format", 400), ("2020-01-01T10:00Z", "format", 400),
          ("2020-01-01T10Z", "format", 400), ("2020-01-01T", "format", 400), ("2020-01-01Z", "format", 400), ("2020-02-29", "", 200),
          ("2019-02-29", "format", 400), ("1900-02-29", "format", 400), ("2020-00-01", "format", 400), ("2020-01-00", "format", 400),
          ("2020-13-01", "format", 400), ("2020-04-31", "format", 400), ("20200101", "format", 400), ("2020-W01-1", "format", 400),
          ("2020-001", "format", 400), ("02020-01-01", "format", 400), ("+2020-01-01", "format", 400), ("-2020-01-01", "format", 400),
          ("٢٠٢٠-01-01", "format", 400), ("2020-01-01T10:00:00+1:00", "format", 400), ("2020-01-01T10:00:00+0100", "format", 400),
          ("2020-01-01T10:00:00 +01:00", "format", 400), ("2020-01-01T10:00:00Z ", "format", 400), (" 2020-01-01", "format", 400),
          ("2020-01-01T10:00:00\u2212 01:00", "format", 400), ("now", "format", 400), ("1577872800", "format", 400), ("", "format", 400),
          ("0000-01-01", "range", 400), ("9999-12-31T23:59:59Z", "range", 400)]],
    ("coupon", {"timestamp": "1577872800"}, {("/timestamp", "type")}, 400),
    ("coupon", {"timestamp": "null"}, {("/timestamp", "type")}, 400),
    ("event", {"end_timestamp": '"2020-01-01T09:59:59.999Z"'}, {("/end_timestamp", "order")}, 400),
    ("event", {"end_timestamp": '"2020-01-01T12:00:00+02:00"'}, set(), 200),  # the same moment
    ("event", {"end_timestamp": '"2020-01-01T12:00:00+02:01"'}, {("/end_timestamp", "order")}, 400),
    # ids: bytes, as they are
    ("user", {"user_id": f'"{ID64}"'}, set(), 200),
    ("user", {"user_id": f'"{ID64}x"'}, {("/user_id", "length")}, 400),
    ("user", {"user_id": '"' + "é" * 32 + '"'}, set(), 200),
    ("user", {"user_id": '"' + "é" * 32 + 'x"'}, {("/user_id", "length")}, 400),
    ("user", {"user_id": '"' + "\\u00e9" * 33 + '"'}, {("/user_id", "length")}, 400),
    ("user", {"user_id": '""'}, {("/user_id", "length")}, 400),
    ("user", {"user_id": '" "'}, set(), 200),
    ("user", {"user_id": '"😀\u200d"'}, set(), 200),
    ("user", {"user_id": '"\\ud83d\\ude00"'}, set(), 200),
    *[("user", {"user_id": f'"h{escape}x"'}, {("/user_id", "control_character")}, 400)
      for escape in ("\\u0001", "\\n", "\\t", "\\u001f", "\\u007f", "\\u0080", "\\u009f", "\\u061c", "\\u200e", "\\u200f", "\\u202a",
                     "\\u202e", "\\u2066", "\\u2069", "\u202e")],
    ("user", {"user_id": "17"}, {("/user_id", "type")}, 400),
    ("user", {"user_id": '["u"]'}, {("/user_id", "type")}, 400),
    ("user", {"user_id": '"\'; drop table users; --"'}, set(), 200),
    ("user", {"user_id": '"%s%n%00../../etc/passwd"'}, set(), 200),
    ("user", {"user_id": '"<script>alert(1)</script>"'}, set(), 200),
    # texts
    ("user", {"country": '"' + "日" * 100 + '"'}, set(), 200),
    ("user", {"country": '"' + "日" * 101 + '"'}, {("/country", "length")}, 400),
    ("user", {"country": '"' + "x" * 100_000 + '"'}, {("/country", "length")}, 400),
    ("user", {"country": '"\\u0001\\u202e"'}, set(), 200),
    ("user", {"gender": '""'}, {("/gender", "length")}, 200),
    ("user", {"currency": '"eur"'}, {("/currency", "format")}, 200),
    ("user", {"currency": '"EUR "'}, {("/currency", "format")}, 200),
    ("user", {"currency": '"\\u0395UR"'}, {("/currency", "format")}, 200),  # a Greek epsilon
    ("user", {"currency": '"' + "€" * 51 + '"'}, {("/currency", "format")}, 400),
    ("event", {"participants": '["a","a"]'}, {("/participants/1", "duplicate")}, 200),
    ("event", {"participants": '["é","e\u0301"]'}, set(), 200),
    ("event", {"participants": "[]"}, {("/participants", "length")}, 200),
    ("event", {"participants": "[" + ",".join(f'"p{n}"' for n in range(65)) + "]"}, {("/participants", "length")}, 400),
    ("event", {"participants": '[""]'}, {("/participants/0", "length")}, 400),
    ("event", {"participants": '["a",null]'}, {("/participants/1", "type")}, 400),
    ("event", {"participants": '"a"'}, {("/participants", "type")}, 400),
    # fields that are none
    ("user", {"company": '"other"'}, {("/company", "unknown_field")}, 200),
    ("user", {"company_id": '"other"'}, {("/company_id", "unknown_field")}, 200),
    ("user", {"user_id ": '"u"'}, {("/user_id ", "unknown_field")}, 200),
    ("user", {"User_id": '"u"'}, {("/User_id", "unknown_field")}, 200),
    ("user", {"__proto__": "{}"}, {("/__proto__", "unknown_field")}, 200),
    ("user", {"a/b~c": "1"}, {("/a~1b~0c", "unknown_field")}, 200),
    ("coupon", {"version": "1"}, {("/version", "unknown_field")}, 200),
    ("coupon", {"extra": "[" * 14 + "]" * 14}, {("/extra", "unknown_field")}, 200),  # 15 deep
]


def rule_cases() -> Iterable[Case]:
    for number, (kind, members, errors, older) in enumerate(RULES, 1):
        what = ", ".join(f"{name}={value[:40]}" for name, value in members.items())
        name = f"rule {number}: {kind} {what}"
        for target, form in ((f"/v1/{kind}s", "problem"), (f"/register_{kind}", "older")):
            data = send("POST", target, written(MAKERS[kind](), **members))
            if form == "older":
                yield Case(f"{name} (older)", data, older, form="older")
            elif errors:
                yield Case(name, data, 422, "invalid_record", frozenset(errors))
            else:
                yield Case(name, data, 202)


# ---- batches


def batch(*lines: bytes | dict[str, Any], end: bytes = b"\n", last: bytes = b"\n") -> bytes:
    return end.join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines) + last


def bad_batch(name: str, body: bytes, *errors: tuple[int, str, str]) -> Case:
    return Case(f"batch: {name}", send("POST", "/v1/users", body, NDJSON), 422, "invalid_record", frozenset(errors))


def good_batch(name: str, body: bytes, target: str = "/v1/users") -> Case:
    return Case(f"batch: {name}", send("POST", target, body, NDJSON), 202)


THOUSAND = [user() for _ in range(1000)]
BATCHES = [
    good_batch("one line", batch(user())),
    good_batch("one line without newline", batch(user(), last=b"")),
    good_batch("CRLF", batch(user(), user(), end=b"\r\n", last=b"\r\n")),
    good_batch("blanks around values", batch(b" \t" + json.dumps(user()).encode() + b" \r")),
    good_batch("1 000 lines", batch(*THOUSAND)),
    good_batch("the same id twice", batch(*[user(user_id="h-twice")] * 2)),
    Case("batch: 1 001 lines", send("POST", "/v1/users", batch(*THOUSAND, user()), NDJSON), 413, "too_large"),
    Case("batch: 1 001 empty lines", send("POST", "/v1/users", b"\n" * 1001, NDJSON), 413, "too_large"),
    Case("batch: a million newlines", send("POST", "/v1/users", b"\n" * 1_000_000, NDJSON), 413, "too_large"),
    bad_batch("one bad of 1 000", batch(*THOUSAND[:499], user(birth_year=1), *THOUSAND[500:]), (500, "/birth_year", "range")),
    bad_batch("the last is bad", batch(user(), user(country=""), last=b""), (2, "/country", "length")),
    bad_batch("an empty line", batch(user(), b"", user()), (2, "", "empty")),
    bad_batch("an empty line first", b"\n" + batch(user()), (1, "", "empty")),
    bad_batch("two newlines at the end", batch(user()) + b"\n", (2, "", "empty")),
    bad_batch("only a newline", b"\n", (1, "", "empty")),
    bad_batch("a line of blanks", batch(user(), b"   "), (2, "", "syntax")),
    bad_batch("a byte order mark", b"\xef\xbb\xbf" + batch(user()), (1, "", "syntax")),
    bad_batch("a byte order mark later", batch(user(), b"\xef\xbb\xbf{}"), (2, "", "syntax")),
    bad_batch("an array of objects", b"[" + json.dumps(user()).encode() + b"]", (1, "", "type")),
    bad_batch("pretty-printed", json.dumps(user(), indent=1).encode(), *[(n, "", "syntax") for n in range(1, 9)]),
    bad_batch("objects without newline", batch(user(), user(), end=b""), (1, "", "syntax")),
    bad_batch("commas between", batch(json.dumps(user()).encode() + b",", user()), (1, "", "syntax")),
    bad_batch("RS between (json-seq)", b"\x1e" + batch(user()), (1, "", "syntax")),
    bad_batch("bad UTF-8 in one line", batch(user(), b'{"a":"\xff"}'), (2, "", "encoding")),
    bad_batch("a duplicate key in one line", batch(b'{"a":1,"a":2}', user()), (1, "", "duplicate_key")),
    bad_batch("too deep in one line", batch(user(), DEEP), (2, "", "depth")),
    bad_batch("scalars", batch(b"1", b'"a"', b"null"), *[(n, "", "syntax") for n in (1, 2, 3)]),
    bad_batch("a company in one line", batch(user(), user(company="b")), (2, "/company", "unknown_field")),
    Case("batch: 500 bad lines, 100 told", send("POST", "/v1/users", batch(*[user(birth_year=1)] * 500), NDJSON), 422, "invalid_record",
         frozenset((number, "/birth_year", "range") for number in range(1, 101))),
    Case("batch: as JSON", send("POST", "/v1/users", batch(user(), user())), 400, "bad_json"),
    Case("batch: events among users", send("POST", "/v1/users", batch(user(), event()), NDJSON), 422, "invalid_record"),
]


# ---- paths

PATHS = [
    *[Case(f"path: {path}", request("GET", path), 404, "not_found")
      for path in ("/", "//", "/v1", "/v1/", "/v1/user", "/v1/users/", "/V1/users/u", "/v1//users/u", "/v1/users/u/", "/v1/users/a/b", "/hello/",
                   "/HELLO", "/hello/..", "/v1/../hello", "/./hello", "/hello%00", "/%68ello", "/hello;x", "/metrics", "/readyz", "/.env",
                   "/v1/users/u/similar", "/v1/recommendations", "/v1/recommendations/", "/v2/users/u", "/index.html", "/%2e%2e/etc/passwd")],
    *[Case(f"path: the escape {path}", request("GET", f"/v1/users/{path}"), 400, "bad_request")
      for path in ("%", "%4", "%zz", "a%", "a%2", "%%41", "%u0041", "%+1", "%0x", "%00", "a%00b")],
    *[Case(f"path: no id {path[:20]}", request("GET", f"/v1/users/{path}"), 404, "not_found")
      for path in ("x" * 65, "%01", "a%0Ab", "a%0D%0Ab", "%7F", "%C2%85", "%E2%80%AE", "%FF", "%C0%AF", "%ED%A0%80", "%F4%90%80%80", "%C3%A9" * 33)],
    *[Case(f"path: nobody's id {path[:20]}", request("GET", f"/v1/users/{path}"), 404, "not_found")
      for path in ("%2F", "a%2Fb", "..", "%2e%2e%2f", "a+b", "a%20b", "%E2%82%AC", "%C3%A0" * 32, "y" * 64, "'%20or%20'1'='1", "%27%3B--", "$(id)",
                   "%25", "%2500", "a;b=c", "a&b", "a=b", "a,b", "a@b", "~", "!", "*", "(", ")", "-", "_", ".", ":", "a%5Cb")],
    *[Case(f"path: {method} of no {kind} id {path[:20]}", send(method, f"/v1/{kind}s/{path}", "{}") if method == "PUT"
           else request(method, f"/v1/{kind}s/{path}"), 422, "invalid_record")
      for method, kind in (("PUT", "user"), ("PUT", "event"), ("DELETE", "event"))
      for path in ("x" * 65, "a%0Ab", "%E2%80%AE", "%FF")],
    *[Case(f"path: {method} of a bad escape", send(method, "/v1/events/%zz", "{}") if method == "PUT"
           else request(method, "/v1/events/%zz"), 400, "bad_request") for method in ("PUT", "DELETE")],
    Case("path: recommendations for no id", request("GET", "/v1/recommendations/%FF"), 422, "invalid_record"),
    Case("path: similar to no id", request("GET", "/v1/events/%FF/similar"), 404, "not_found"),
    Case("path: put of another id", send("PUT", "/v1/users/other", json.dumps(user())), 422, "invalid_record",
         frozenset({("/user_id", "mismatch")})),
    Case("path: put without an id in the body", send("PUT", f"/v1/users/{fresh('h')}", json.dumps({k: v for k, v in user().items() if k != "user_id"})), 202),
    Case("path: put of an encoded id", send("PUT", "/v1/users/h%2F%C3%A9", json.dumps(user(user_id="h/é"))), 202),
    Case("path: put of an id in another normal form", send("PUT", "/v1/users/e%CC%81", json.dumps(user(user_id="é"))), 422, "invalid_record",
         frozenset({("/user_id", "mismatch")})),
    Case("path: put of null", send("PUT", "/v1/users/u", b"null"), 400, "bad_json"),
    Case("path: put of an array", send("PUT", "/v1/users/u", b"[]"), 422, "invalid_record", frozenset({("", "type")})),
    Case("path: put of nothing", send("PUT", "/v1/users/u", b""), 400, "bad_json"),
]


# ---- parameters


def cursor(begin_ms: int, event_id: bytes, version: int = 1) -> str:
    return base64.urlsafe_b64encode(struct.pack(">Bq", version, begin_ms) + event_id).rstrip(b"=").decode()


def bad_query(target: str, *codes: str) -> Case:
    errors = frozenset(("", code) for code in codes) if codes else None
    return Case(f"query: {target[:110]}", request("GET", target), 400, "bad_parameter", errors)


RANKED = ("/v1/recommendations/u", "/v1/popular", "/v1/events/e/similar")
QUERIES = [
    *[bad_query(f"{path}?n={value}", code) for path in RANKED
      for value, code in (("0", "range"), ("101", "range"), ("-1", "range"), ("1.0", "format"), ("abc", "format"), ("", "format"),
                          ("%2B1", "format"), ("1e1", "format"), ("99999999999999999999", "format"), ("%D9%A1", "format"))],
    bad_query("/v1/popular?n=1&n=1", "duplicate"),
    bad_query("/v1/popular?N=1", "unknown_field"),
    bad_query("/v1/popular?=1", "unknown_field"),
    bad_query("/v1/popular?n%00=1"),
    bad_query("/v1/popular?%FF=1", "unknown_field"),
    bad_query("/v1/popular?n=1;m=2", "format"),
    bad_query("/v1/popular?n=%20" + "1", "format"),
    bad_query("/v1/popular?company=other", "unknown_field"),
    bad_query("/v1/popular?sport=%", ),
    bad_query("/v1/popular?sport=%zz"),
    bad_query("/v1/popular?sport=%00"),
    bad_query("/v1/popular?sport=", "empty"),
    bad_query("/v1/popular?sport=%FF", "encoding"),
    bad_query("/v1/events?participant=%ED%A0%80", "encoding"),
    bad_query("/v1/popular?exclude=%C0%AF", "encoding"),
    bad_query("/v1/popular?explain=2", "range"),
    bad_query("/v1/popular?explain=true", "format"),
    bad_query("/v1/popular?include_started=-1", "range"),
    bad_query("/v1/popular?before=tomorrow", "format"),
    bad_query("/v1/popular?before=2020-01-01T10:00:00", "format"),
    bad_query("/v1/popular?before=2020-01-01T10:00:00+02:00", "format"),  # the + is a blank
    bad_query("/v1/popular?as_of=1899-01-01", "range"),
    bad_query("/v1/popular?as_of=2201-01-01", "range"),
    bad_query("/v1/popular?limit=1", "unknown_field"),
    bad_query("/v1/popular?n=0&explain=2&x=1&sport=", "range", "unknown_field", "empty"),
    bad_query("/v1/users/u?n=1", "unknown_field"),
    *[bad_query(f"/v1/events?limit={value}", code)
      for value, code in (("0", "range"), ("1001", "range"), ("-1", "range"), ("x", "format"), ("", "format"), ("1.5", "format"))],
    bad_query("/v1/events?limit=1&limit=2", "duplicate"),
    bad_query("/v1/events?from=x&to=y", "format"),
    bad_query("/v1/events?n=1", "unknown_field"),
    bad_query("/v1/events?cursor=", "format"),
    bad_query("/v1/events?cursor=nonsense", "format"),
    bad_query(f"/v1/events?cursor={cursor(0, b'')}", "format"),
    bad_query(f"/v1/events?cursor={cursor(0, b'e', 2)}", "format"),
    bad_query(f"/v1/events?cursor={cursor(0, b'x' * 65)}", "format"),
    bad_query(f"/v1/events?cursor={cursor(2**62, b'e')}", "format"),
    bad_query(f"/v1/events?cursor={cursor(-(2**63), b'e')}", "format"),
    bad_query(f"/v1/events?cursor={cursor(0, bytes([1]))}", "format"),
    bad_query(f"/v1/events?cursor={cursor(0, bytes([255]))}", "format"),
    bad_query(f"/v1/events?cursor={cursor(0, b'ab')}=", "format"),
    bad_query(f"/v1/events?cursor={cursor(0, b'ab')}&cursor={cursor(0, b'ab')}", "duplicate"),
    bad_query(f"/v1/events?cursor={'A' * 5000}", "format"),
    bad_query("/v1/events?cursor=AQAAAAAAAAAAZR", "format"),  # bits left over that are not 0
    Case("query: a forged cursor of the right form", request("GET", f"/v1/events?cursor={cursor(7_000_000_000_000, b'zz')}"), 200),
    Case("query: a cursor with a quote", request("GET", f"/v1/events?cursor={cursor(7_000_000_000_000, b'; drop')}"), 200),
    Case("query: a cursor before all", request("GET", f"/v1/events?limit=1&cursor={cursor(-2208988800000, b'a')}"), 200),
    Case("query: empty", request("GET", "/v1/popular?"), 200),
    Case("query: only separators", request("GET", "/v1/popular?&&&"), 200),
    Case("query: a text that is SQL", request("GET", "/v1/popular?sport=%27%20or%201%3D1--"), 200),
    Case("query: the same filter twice", request("GET", "/v1/popular?sport=a&sport=a"), 200),
    Case("query: 256 excluded", request("GET", "/v1/popular?" + "&".join(f"exclude=e{n}" for n in range(256))), 200),
    bad_query("/v1/popular?" + "&".join(f"exclude=e{n}" for n in range(257)), "length"),
    Case("query: 2 000 separators", request("GET", "/v1/popular?" + "&" * 2000), 200),
    Case("query: a control character", request("GET", "/v1/popular?sport=%01"), 200),
    Case("query: an encoded name", request("GET", "/v1/popular?%6e=1"), 200),
    Case("query: a question mark in it", request("GET", "/v1/popular?sport=a?b"), 200),
    *[Case(f"query: version={value} of a delete", request("DELETE", f"/v1/events/e?version={value}"), 400, "bad_parameter")
      for value in ("", "-1", "x", "1.0", "9007199254740993", "99999999999999999999999", "%31%20", "%")],
    Case("query: a delete with an unknown parameter", request("DELETE", "/v1/events/e?x=1"), 400, "bad_parameter"),
    Case("query: a delete with two versions", request("DELETE", "/v1/events/e?version=1&version=2"), 400, "bad_parameter"),
    Case("query: a post with a parameter, which it does not look at", send("POST", "/v1/users?x=%zz", json.dumps(user())), 202),
    # the older route
    *[Case(f"query: /recommend?{query}", request("GET", f"/recommend?{query}"), 400, form="older")
      for query in ("", "n=1", "user_id=", "user_id=%FF", "user_id=a%01", f"user_id={'x' * 65}", "user_id=u&n=x", "user_id=u&n=-2", "user_id=u&n=1.0",
                    "user_id=u&n=", "user_id=u&n=9223372036854775808", "user_id=%", "user_id=u&n=%zz", "user_id=u&include_started=2")],
    *[Case(f"query: /recommend?{query}", request("GET", f"/recommend?{query}"), 200, form="older")
      for query in ("user_id=h-none", "user_id=h-none&n=0", "user_id=h-none&n=-1", "user_id=h-none&n=9223372036854775807", "user_id=h-none&unknown=1",
                    "user_id=h-none&user_id=other", "user_id=h-none&n=1&n=x")],
]

# ---- keys that are none: 401 always, also where calls without a key are taken (test_keys.py has the ones that exist)

KEY = "tip_abcdefghijkl_" + "x" * 32


def wrong_key(name: str, *lines: str, target: str = "/v1/users/u", form: str = "problem") -> Case:
    return Case(f"key: {name}", request("GET", target, *lines), 401, "unauthorized", form=form, headers=(("www-authenticate", 'Bearer realm="tipster"'),))


KEYS = [
    *[wrong_key(name, f"{header}: {scheme}{text}") for header, scheme in (("X-API-Key", ""), ("Authorization", "Bearer "))
      for name, text in ((f"{header}: one that nobody has", KEY), (f"{header}: too short", KEY[:-1]), (f"{header}: too long", KEY + "x"),
                         (f"{header}: no letters", KEY[:-1] + "-"), (f"{header}: another beginning", "tap" + KEY[3:]),
                         (f"{header}: upper case", KEY.upper()), (f"{header}: only its beginning", "tip_"), (f"{header}: SQL", "' or '1'='1"),
                         (f"{header}: 5 000 bytes", "x" * 5000))],
    wrong_key("another scheme", "Authorization: Basic dXNlcjpwYXNz"),
    wrong_key("a scheme alone", "Authorization: Bearer"),
    wrong_key("no scheme", f"Authorization: {KEY}"),
    wrong_key("two different ones", f"Authorization: Bearer {KEY}", "X-API-Key: tip_x"),
    wrong_key("two of one header", f"X-API-Key: {KEY}", f"X-API-Key: {KEY}y"),
    wrong_key("for an older route", f"X-API-Key: {KEY}", target="/recommend?user_id=u", form="older"),
    wrong_key("for what is not there anyway", f"X-API-Key: {KEY}", target="/v1/users/%FF"),
    Case("key: for a path that is none", request("GET", "/nowhere", f"X-API-Key: {KEY}"), 404, "not_found"),
    Case("key: for /hello", request("GET", "/hello", f"X-API-Key: {KEY}"), 200),
    Case("key: empty headers are none", request("GET", "/v1/popular", "X-API-Key:", "Authorization: "), 200),
    Case("key: in the query", request("GET", f"/v1/popular?key={KEY}"), 400, "bad_parameter"),
    Case("key: a body that is wrong as well", request("POST", "/v1/users", f"Content-Type: {JSON}", f"X-API-Key: {KEY}", body=b"nope"),
         401, "unauthorized"),
    *[Case(f"key: none for {method} {target}", request(method, target), 401, "unauthorized")
      for method, target in (("GET", "/v1/stats"), ("GET", "/v1/rejected"), ("DELETE", "/v1/users/u"), ("GET", "/v1/users/u/export"))],
]


# ---- a key that has sent more than its limit: 429 before anything else is looked at, and no harm to the connection

LIMITED_KEY = "@limited@"  # test_hostile.py puts a real one in its place, which owes for minutes


def limited(method: str, target: str, body: Optional[str] = None, media: str = JSON, header: str = "X-API-Key: ",
            form: str = "problem") -> Case:
    lines = [header + LIMITED_KEY, *([f"Content-Type: {media}"] if body is not None else [])]
    data = request(method, target, *lines, body=None if body is None else body.encode())
    return Case(f"limit: {method} {target}{'' if body is None else f' with {len(body)} bytes'} ({header.split(':')[0]})", data, 429,
                "too_many_requests", form=form)


LIMITS = [
    *[limited("POST", f"/v1/{kind}s", json.dumps(make())) for kind, make in MAKERS.items()],
    limited("POST", "/v1/users", json.dumps(user()), header="Authorization: Bearer "),
    limited("POST", "/v1/coupons", "".join(json.dumps(coupon()) + "\n" for _ in range(100)), NDJSON),
    limited("PUT", "/v1/users/u", json.dumps(user("u"))),
    limited("PUT", "/v1/events/e", json.dumps(event(event_id="e"))),
    limited("DELETE", "/v1/events/e"),
    limited("DELETE", "/v1/events/e?version=x"),
    limited("POST", "/v1/users", "nope"),
    limited("POST", "/v1/users", ""),
    limited("PUT", "/v1/users/%FF", "{}"),
    limited("PUT", "/v1/users/%zz", "{}"),
    *[limited("POST", f"/register_{kind}", json.dumps(make()), form="older") for kind, make in MAKERS.items()],
    Case("limit: another class of routes", request("GET", "/v1/users/nobody", f"X-API-Key: {LIMITED_KEY}"), 404, "not_found"),
    Case("limit: a route without keys", request("GET", "/hello", f"X-API-Key: {LIMITED_KEY}"), 200),
    Case("limit: what the key may not do at all", request("GET", "/v1/stats", f"X-API-Key: {LIMITED_KEY}"), 403, "forbidden"),
]

CASES: list[Case] = [*HEADS, *KEYS, *LIMITS, *LENGTHS, *MEDIA, *not_json_cases(), *rule_cases(), *BATCHES, *PATHS, *QUERIES]
