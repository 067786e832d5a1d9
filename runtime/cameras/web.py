"""HTTP as cameras speak it: what a URL answers, and what may be printed of it. `feeds.py` takes pictures from there."""

import re
import ssl
import string
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, IncompleteRead, InvalidURL
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from runtime import __version__
from runtime.errors import InputError

TIMEOUT_S = 10.0
"""What sends nothing for so long has dropped."""
_MOST_BYTES = 64 << 20
"""Of one picture."""
_PICTURE = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n|RIFF....WEBP", re.DOTALL)
"""The first bytes of one, for servers that name no type."""
_PLAYLIST = re.compile(rb"#EXTM3U|\s*<(\?xml|MPD)")
_FRAGMENTED, _FRAGMENTED_WITHIN = b"mvex", 2048
"""What is among the first bytes of an MP4 that is still being made."""
_URL = re.compile(r"(\w[\w+.-]*://)(?:[^/?#]*@)?((?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d+)?)((?:[/?#][^@]*)?)")
"""Scheme, host with port, and the rest of a URL of which it is plain where user and password end."""


def public(name: str) -> str:
    """Return a source's name as it may be printed: of a URL only scheme, host and port, as all else can be secret."""
    if "://" not in name:
        return name
    match = _URL.fullmatch(name)
    return f"{match[1]}{match[2]}{'/...' if match[3].strip('/') else ''}" if match else "the URL"


def without_secrets(text: str, source: str) -> str:
    """Return a message with the source and all URLs in it as `public` shows them."""
    if "://" in source:
        text = text.replace(source, public(source))
    return re.sub(r"\w[\w+.-]*://\S+", lambda url: public(url[0]), text)


@dataclass(frozen=True)
class Answer:
    """What a server gave."""

    at_s: float
    """time.monotonic() when it began."""
    at: datetime
    """The same time by the clock, UTC."""
    picture: bytes | None
    """A picture file; None for anything else, which is left unread."""
    ends: bool | None
    """Whether anything else has an end, as far as the server tells."""


def ask(url: str) -> Answer | None:
    """Return what a GET gives, None where it is not HTTP that we know. Raise InputError with why there is no answer.

    Its text holds nothing of the URL, as those of the libraries may.
    """
    try:
        wanted, opener = _request(url)
        with opener.open(wanted, timeout=TIMEOUT_S) as response:
            at_s, at = time.monotonic(), datetime.now(UTC)
            kind, length = response.headers.get_content_type(), response.length or None
            start = b"" if kind.startswith("multipart/") else response.read1(4096)
            while length is None and _FRAGMENTED_WITHIN > len(start) > 0 and (more := response.read1(4096)):
                start += more
            if kind.startswith("image/") or (length is not None and _PICTURE.match(start)):
                return Answer(at_s, at, _whole(response, start, length, at_s), None)
    except HTTPError as error:
        error.close()
        status = next((f" {known.phrase}" for known in HTTPStatus if known == error.code), "")
        hint = "; give the right user and password in the URL" if error.code == HTTPStatus.UNAUTHORIZED else ""
        raise InputError(f"it answers {error.code}{status}{hint}") from None
    except OSError as error:
        raise InputError(_reason(error.reason if isinstance(error, URLError) else error)) from None
    except IncompleteRead:
        raise InputError("its answer is cut off") from None
    except (InvalidURL, UnicodeError):
        raise InputError("its URL is not valid; write special characters of user and password as %xx") from None
    except HTTPException:
        return None
    except (ValueError, LookupError) as error:  # of urllib, for headers that are not as they should be
        raise InputError(f"its answer is not HTTP that can be understood ({type(error).__name__})") from None
    if kind.startswith("multipart/") or (length is None and _FRAGMENTED in start):
        return Answer(at_s, at, None, ends=False)
    return Answer(at_s, at, None, ends=None if length is None or _PLAYLIST.match(start) else True)


def _reason(error: object) -> str:
    """Return why there is no connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted; name it in SSL_CERT_FILE, or use http://"
    if isinstance(error, TimeoutError):
        return "it does not answer (timed out)"
    return f"it does not answer ({(isinstance(error, OSError) and error.strerror) or type(error).__name__})"


def _request(url: str) -> tuple[request.Request, request.OpenerDirector]:
    """Return a GET, and who sends it with the user and password in the URL where it is asked for them."""
    try:
        split = urlsplit(url)
        host = split.netloc.rpartition("@")[2]
        path, query = (quote(text, safe=string.punctuation) for text in (split.path, split.query))
        bare = urlunsplit((split.scheme, host, path, query, ""))
        headers = {"User-Agent": f"gargalo/{__version__}", "Cache-Control": "no-cache", "Pragma": "no-cache"}
        wanted = request.Request(bare, headers=headers)
    except ValueError:
        raise InvalidURL from None
    passwords = request.HTTPPasswordMgrWithDefaultRealm()
    if split.username is not None:
        root = f"{split.scheme}://{host}/"
        passwords.add_password(None, root, unquote(split.username), unquote(split.password or ""))
    return wanted, request.build_opener(
        _Refused, request.HTTPBasicAuthHandler(passwords), request.HTTPDigestAuthHandler(passwords)
    )


class _Refused(request.BaseHandler):
    """Take the answer that asks for a password before urllib does, which leaves its connection open."""

    handler_order = 400

    def http_error_401(self, wanted: request.Request, response: HTTPResponse, *rest: object) -> None:
        response.close()
        ways = [text.partition(" ")[0].lower() for text in response.headers.get_all("WWW-Authenticate", [])]
        if ways and not {"basic", "digest"} & set(ways):
            raise InputError("it asks for a password in a way that we do not know; we know basic and digest")


def _whole(response: HTTPResponse, start: bytes, length: int | None, began_s: float) -> bytes:
    """Return all of a picture whose first bytes are read; raise InputError where it has no end, or ends too early."""
    data = bytearray(start)
    while chunk := response.read1(1 << 16):
        data += chunk
        took_s = time.monotonic() - began_s
        if len(data) > _MOST_BYTES or took_s > TIMEOUT_S:
            raise InputError(f"it sent {len(data)} bytes in {took_s:.1f} s, and the picture had no end")
    if length is not None and len(data) < length:
        raise InputError(f"its answer ends after {len(data)} of {length} bytes")
    return bytes(data)
