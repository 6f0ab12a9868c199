"""Hearth's agent for Python: one file, standard library only, Python 3.9 or later.

Runs inside the sandbox, speaks docs/protocol.md over HEARTH_CHANNEL and calls the user's code. How a handler is understood
(`handler` is `module.name`):

1. A module attribute `hearth_style = "event" | "asgi" | "wsgi"` decides.
2. ASGI: the callable (or its `__call__`) is a coroutine function with three positional parameters, or its three parameters
   are named scope, receive, send.
3. WSGI: it has a `wsgi_app`, or it takes two positional parameters, is no coroutine function, and is named app, application,
   wsgi or wsgi_app.
4. Everything else is event style: `def handler(event, context)`, `async def`, or a (async) generator, which streams.

Threads: user code runs on the main thread (synchronous handlers with concurrency 1, and everything asynchronous) or in a
pool (synchronous handlers with concurrency above 1). The main thread also reads the channel, because handing frames from one
thread to another costs more than a small handler. While user code keeps it busy for longer than three ticks, a watcher thread
takes the reading over, so that CANCEL and PING are served, and gives it back when it is asked to.
"""

import _socket
import binascii
import collections
import collections.abc
import contextvars
import io
import os
import resource
import select
import stat
import struct
import sys
import threading
import time
import types

(
    HELLO, INIT, READY, INVOKE, BODY, END, RESPONSE, ERROR, CANCEL, LOG, WINDOW, PING, PONG, DRAIN,
    BEFORE_SNAPSHOT, AFTER_RESTORE, TUNNEL_OPEN, TUNNEL_DATA, TUNNEL_WINDOW, TUNNEL_CLOSE,
) = range(1, 21)
CALL_FRAMES = frozenset((INVOKE, BODY, END, CANCEL, WINDOW))
FLAG_END = 1
FLAG_BATCH = 2
INITIAL_CREDIT = 1_048_576
MAX_CHUNK = 262_144
MAX_PAYLOAD = INITIAL_CREDIT + 65_536
GRANT_STEP = 262_144
# What the host refuses (protocol/response-head.ts); said here in words for the author.
MAX_HEADERS = 100
MAX_HEADER_BYTES = 16_384
NAME_CHARACTERS = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
TUNNEL_CREDIT = 131_072
TUNNEL_CHUNK = 65_536
READ_BYTES = 262_144
TICK_SECONDS = 0.02
STUCK_TICKS = 3
PARK_TICKS = 50
DISCONNECT_GRACE_SECONDS = 0.2
LOG_WINDOW_SECONDS = 10.0
# The host drops what is beyond.
LOG_ENTRIES = 20_000

HEADER = struct.Struct(">IBBHI")
U32 = struct.Struct(">I")
# What tracebacks name; __file__ is where what was compiled ahead lies.
AGENT_FILE = (lambda: None).__code__.co_filename
# What most calls of most functions do without, imported when it is first needed: asyncio alone takes three times as long as Python's own start,
# json and socket each most of it.
LATER = ("asyncio", "inspect", "json", "logging", "queue", "random", "socket", "traceback", "urllib.parse")
# What a waiting sandbox imported ahead, beyond what the agent needs itself: names of sys.modules.
PRELOADED = set()
LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR = range(4)

# Bits of a code object's flags, as inspect names them: CO_COROUTINE, CO_ASYNC_GENERATOR, CO_ITERABLE_COROUTINE.
ASYNC_FLAGS = 0x80 | 0x200
ITERABLE_COROUTINE = 0x100

current_call = contextvars.ContextVar("hearth_call", default=None)


class ChannelClosed(Exception):
    """The host is gone."""


class Cancelled(Exception):
    """The call was cancelled while its response was being sent."""


class InvalidResponse(Exception):
    """What the function answered cannot be sent over HTTP; the message says why."""


class BatchItemFailure(Exception):
    """The function for batches said that this item failed."""


class InitFailed(Exception):
    """The user's module cannot be used; the message says why and what there is."""


# --- channel ---------------------------------------------------------------------------------------------------------


class Channel:
    """The byte stream to the host. Writes are whole frames, one at a time, from any thread."""

    def __init__(self, address, key=None):
        kind, _, rest = address.partition(":")
        self.socket = None
        if kind == "fd":
            self.fd = int(rest)
            if stat.S_ISSOCK(os.fstat(self.fd).st_mode):
                self.socket = _socket.socket(fileno=self.fd)
        elif kind == "unix":
            self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
            self.socket.connect(rest)
        elif kind == "tcp":
            import socket

            host, _, port = rest.rpartition(":")
            self.socket = socket.create_connection((host.strip("[]"), int(port)))
            self.socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        elif kind == "serial":
            self.fd = os.open(rest, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
            self._make_raw()
        else:
            raise ValueError("HEARTH_CHANNEL is %r; expected fd:N, unix:PATH, tcp:HOST:PORT or serial:DEVICE" % address)
        if self.socket is not None:
            self.socket.setblocking(True)
            self.fd = self.socket.fileno()
            self.write = self.socket.sendall
        else:
            self.write = self._write_fd
        os.set_inheritable(self.fd, False)
        self.lock = threading.Lock()
        if key is not None:
            # Where the stream is no descriptor of ours, this shows the host who calls.
            self.write(key.encode() + b"\n")
        self.held = None

    def _make_raw(self):
        try:
            import termios
            import tty

            tty.setraw(self.fd, termios.TCSANOW)
        except Exception:  # a virtio port is no terminal and needs no mode
            pass

    def _write_fd(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(self.fd, view):]

    def send(self, data):
        try:
            with self.lock:
                if self.held is None:
                    self.write(data)
                else:
                    self.held.append(data)
        except (BrokenPipeError, ConnectionError):
            os._exit(0)

    def hold(self, kind):
        """Sends this last frame and keeps back what follows: a snapshot must not have half a frame on its way."""
        with self.lock:
            self.write(HEADER.pack(0, kind, 0, 0, 0))
            self.held = self.held or []

    def release(self):
        with self.lock:
            data, self.held = b"".join(self.held or ()), None
            if data:
                self.write(data)

    def frame(self, kind, flags, call_id, payload):
        self.send(HEADER.pack(len(payload), kind, flags, 0, call_id) + payload)

    def read(self):
        """Blocks for the next bytes."""
        data = self.socket.recv(READ_BYTES) if self.socket is not None else os.read(self.fd, READ_BYTES)
        if not data:
            raise ChannelClosed()
        return data

    def read_now(self):
        """What is there, or None."""
        if self.socket is not None:
            try:
                data = self.socket.recv(READ_BYTES, _socket.MSG_DONTWAIT)
            except BlockingIOError:
                return None
        else:
            if not select.select([self.fd], [], [], 0)[0]:
                return None
            data = os.read(self.fd, READ_BYTES)
        if not data:
            raise ChannelClosed()
        return data


def reseed(entropy):
    """Every copy of a snapshot has the same generators: they start anew. os.urandom, secrets and uuid4 ask the kernel, which the host saw to."""
    # One that is imported later begins with the kernel's.
    random = sys.modules.get("random")
    if random is not None:
        random.seed(entropy)
    ssl = sys.modules.get("ssl")
    if ssl is not None:
        ssl.RAND_add(entropy, len(entropy))
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed([U32.unpack_from(entropy, at)[0] for at in range(0, len(entropy) - 3, 4)])


class FrameParser:
    """Bytes to (type, flags, id, payload)."""

    def __init__(self):
        self.rest = b""
        self.parts = []
        self.missing = 0

    def feed(self, data):
        if self.parts:
            # A large frame is collected in parts, so that it is joined once.
            self.parts.append(data)
            self.missing -= len(data)
            if self.missing > 0:
                return ()
            data = b"".join(self.parts)
            self.parts = []
        elif self.rest:
            data = self.rest + data
        frames = []
        at = 0
        size = len(data)
        while size - at >= 12:
            length, kind, flags, _, call_id = HEADER.unpack_from(data, at)
            if length > MAX_PAYLOAD:
                raise ChannelClosed()
            end = at + 12 + length
            if end > size:
                self.rest = b""
                self.parts = [data[at:]]
                self.missing = end - size
                return frames
            frames.append((kind, flags, call_id, data[at + 12:end]))
            at = end
        self.rest = data[at:]
        return frames


# --- logs ------------------------------------------------------------------------------------------------------------


class LogMeter:
    """How much of the log allowance is used: per call, and per ten seconds for what belongs to no call."""

    __slots__ = ("used", "entries", "closed", "since")

    def __init__(self):
        self.used = 0
        self.entries = 0
        self.closed = False
        self.since = time.monotonic()


class Logs:
    """Sends log entries, bounded by line and in sum."""

    def __init__(self, channel):
        self.channel = channel
        self.line_bytes = 16_384
        self.limit_bytes = 1_048_576
        self.idle_meter = LogMeter()
        self.calls = {}

    def owner(self):
        """The call that the running code belongs to. Threads without a context belong to the only call, if there is one."""
        call = current_call.get()
        if call is None:
            calls = self.calls
            if len(calls) == 1:
                for call in tuple(calls.values()):
                    return call
            return None
        return None if call.over else call

    def emit(self, call, level, stream, text):
        if call is not None and not call.over:
            meter, call_id, limit, most = call.log_meter, call.id, self.limit_bytes, LOG_ENTRIES
        else:
            # Two windows of ours can meet one of the host's.
            meter, call_id, limit, most = self.idle_meter, 0, self.limit_bytes // 2, LOG_ENTRIES // 2
            now = time.monotonic()
            if now - meter.since >= LOG_WINDOW_SECONDS:
                meter.used, meter.entries, meter.closed, meter.since = 0, 0, False, now
        if meter.closed:
            return
        data = text.encode("utf-8", "replace")
        flags = 0
        if len(data) > self.line_bytes:
            data = data[: self.line_bytes].decode("utf-8", "ignore").encode("utf-8")
            flags = 1
        meter.entries += 1
        if meter.used + len(data) > limit or meter.entries >= most:
            data = data[: max(0, limit - meter.used)].decode("utf-8", "ignore").encode("utf-8")
            flags = 1
            meter.closed = True
        meter.used += len(data)
        self.channel.frame(LOG, 0, call_id, bytes((level, stream, 0, flags)) + data)


class LogStream(io.TextIOBase):
    """sys.stdout and sys.stderr: whole lines become entries of the call whose code wrote them."""

    def __init__(self, logs, stream, level):
        super().__init__()
        self._logs = logs
        self._stream = stream
        self._level = level
        self._idle_partial = ""
        self.buffer = LogBuffer(self)

    encoding = property(lambda self: "utf-8")
    errors = property(lambda self: "replace")
    name = property(lambda self: "<stdout>" if self._stream == 0 else "<stderr>")

    def writable(self):
        return True

    def fileno(self):
        return self._stream + 1

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not " + type(text).__name__)
        call = self._logs.owner()
        partial = (call.partials[self._stream] if call is not None else self._idle_partial) + text
        cut = partial.rfind("\n")
        if cut >= 0:
            self._logs.emit(call, self._level, self._stream, partial[:cut])
            partial = partial[cut + 1:]
        while len(partial) > self._logs.line_bytes:
            self._logs.emit(call, self._level, self._stream, partial[: self._logs.line_bytes])
            partial = partial[self._logs.line_bytes:]
        if call is not None:
            call.partials[self._stream] = partial
        else:
            self._idle_partial = partial
        return len(text)

    def finish(self, call):
        """Sends what has no line break yet."""
        partial = call.partials[self._stream] if call is not None else self._idle_partial
        if not partial:
            return
        if call is not None:
            call.partials[self._stream] = ""
        else:
            self._idle_partial = ""
        self._logs.emit(call, self._level, self._stream, partial)


class LogBuffer(io.RawIOBase):
    def __init__(self, text):
        super().__init__()
        self._text = text

    def writable(self):
        return True

    def write(self, data):
        self._text.write(bytes(data).decode("utf-8", "replace"))
        return len(data)

    def fileno(self):
        return self._text.fileno()


def capture_logging(logs):
    """Gives the root logger a handler that keeps the level of each record."""
    import logging

    class LogHandler(logging.Handler):
        def __init__(self):
            super().__init__()
            self.setFormatter(logging.Formatter("%(message)s"))

        def emit(self, record):
            try:
                text = self.format(record)
            except Exception:
                self.handleError(record)
                return
            if record.levelno >= logging.ERROR:
                level = LEVEL_ERROR
            elif record.levelno >= logging.WARNING:
                level = LEVEL_WARN
            else:
                level = LEVEL_INFO if record.levelno >= logging.INFO else LEVEL_DEBUG
            logs.emit(logs.owner(), level, 1, text)

    root = logging.getLogger()
    root.addHandler(LogHandler())
    root.setLevel(logging.INFO)


class LoggingFinder:
    """In sys.meta_path until `logging` is imported: whoever gets the module finds the root logger's handler there."""

    def __init__(self, logs):
        self.logs = logs

    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                break
        else:
            return None
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            # Its importer still waits, and an import of it in here gives what is there.
            capture_logging(self.logs)

        spec.loader.exec_module = exec_module
        return spec


# --- errors and usage ------------------------------------------------------------------------------------------------


def clean_traceback(error, code_directory):
    """The traceback as Python prints it, without frames of the agent and with paths relative to the code."""
    import traceback

    formatted = traceback.TracebackException(type(error), error, error.__traceback__, capture_locals=False)
    prefix = code_directory.rstrip("/") + "/"
    seen = set()
    pending = [formatted]
    while pending:
        item = pending.pop()
        if item is None or id(item) in seen:
            continue
        seen.add(id(item))
        kept = []
        for frame in item.stack:
            if frame.filename == AGENT_FILE or frame.filename.startswith("<frozen importlib"):
                continue
            frame.line  # read the source line while the path is still the real one
            if frame.filename.startswith(prefix):
                frame.filename = frame.filename[len(prefix):]
            kept.append(frame)
        item.stack[:] = kept
        filename = getattr(item, "filename", None)
        if isinstance(filename, str) and filename.startswith(prefix):
            item.filename = filename[len(prefix):]
        pending.extend((item.__cause__, item.__context__))
        pending.extend(getattr(item, "exceptions", None) or ())
    return "".join(formatted.format()).rstrip("\n")


def type_name(error):
    kind = type(error)
    return kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else kind.__module__ + "." + kind.__qualname__


def safe_message(error):
    try:
        return str(error)
    except Exception:
        return "(the error's message cannot be read)"


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def usage_since(started):
    """(CPU milliseconds of the process since then, peak resident bytes)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return max(0.0, (usage.ru_utime + usage.ru_stime - started) * 1000.0), usage.ru_maxrss * 1024


def json_default(value):
    import datetime
    import decimal
    import uuid

    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return list(value)
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        import dataclasses

        return dataclasses.asdict(value)
    raise TypeError("a value of type %s cannot be returned as JSON; convert it first" % type(value).__name__)


class DecoderSettings:
    """What json.JSONDecoder() has."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int = float, int
    parse_constant = {"-Infinity": float("-inf"), "Infinity": float("inf"), "NaN": float("nan")}.__getitem__


def json_of_c():
    """
    (encode, decode) by what the module json itself uses where it can: the module, with re beneath it, takes as long to import as Python to start.
    Raises where this interpreter has no such functions, or others.
    """
    import _json

    scan = _json.make_scanner(DecoderSettings)
    make_encoder, quote = _json.make_encoder, _json.encode_basestring

    def encode(value):
        if type(value) is str:
            return quote(value)
        return "".join(make_encoder({}, json_default, quote, None, ":", ",", False, False, False)(value, 0))

    def decode(text):
        try:
            value, end = scan(text, 0)
        except StopIteration:
            end = -1
        if end == len(text):
            return value
        # Blanks around it; or an error, in the words of the module.
        import json

        return json.loads(text)

    if encode([decode('{"a":[1,2.5,"\u00e9",null]}'), False]) != '[{"a":[1,2.5,"\u00e9",null]},false]':
        raise ImportError("_json works in another way")
    return encode, decode


def json_of_module():
    import json

    return json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=json_default).encode, json.loads


try:
    encode_json, decode_json = json_of_c()
except (ImportError, AttributeError, TypeError, ValueError):
    encode_json, decode_json = json_of_module()


def to_json(value):
    return encode_json(value).encode("utf-8", "replace")


# --- calls -----------------------------------------------------------------------------------------------------------


class Context:
    """What a handler gets as its second argument."""

    def __init__(self, call, settings):
        meta = call.meta
        self._call = call
        self.invocation_id = self.aws_request_id = meta["invocationId"]
        self.function_name = settings.function_name
        self.function_version = settings.function_version
        self.memory_limit_mb = self.memory_limit_in_mb = settings.memory_limit_mb
        self.deadline_ms = meta["deadlineMs"]
        self.attempt = meta.get("attempt", 1)
        self.trigger = meta.get("trigger")
        self.traceparent = meta.get("traceparent")
        self.params = meta.get("params") or {}
        self.invoked_function_arn = "hearth:function:%s:%s" % (settings.function_name, settings.function_version)
        self.log_group_name = "hearth/" + settings.function_name
        self.log_stream_name = str(settings.function_version)
        self.identity = None
        self.client_context = None
        #: The contexts of a batch, in the order of its events; of one call, only itself.
        self.items = (self,)

    @property
    def cancelled(self):
        """A threading.Event that is set when the deadline has passed, the caller is gone or the platform stops."""
        return self._call.cancel_event()

    @property
    def cancel_reason(self):
        return self._call.cancel_reason

    def call_headers(self):
        """For calls of other functions: they join this call's trace, end no later than it does, and loops are found."""
        soonest = min(self.items, key=lambda item: item.deadline_ms)
        chain = soonest._call.meta.get("callChain")
        pairs = (("traceparent", soonest.traceparent), ("hearth-call-chain", chain))
        return {name: value for name, value in pairs if value is not None}

    def get_remaining_time_in_millis(self):
        return max(0, int(self.deadline_ms - time.time() * 1000))


class BatchContext(Context):
    """The context of a batch is that of its first item, with the time of the most urgent one; it is cancelled when all items are."""

    def __init__(self, items, settings):
        super().__init__(items[0]._call, settings)
        self.items = items
        self.deadline_ms = min(item.deadline_ms for item in items)
        self._event = None
        for item in items:
            item._call.batch = self

    @property
    def cancelled(self):
        if self._event is None:
            self._event = threading.Event()
            self.item_cancelled()
        return self._event

    @property
    def cancel_reason(self):
        reasons = [item.cancel_reason for item in self.items]
        return None if None in reasons else reasons[0]

    def item_cancelled(self):
        if self._event is not None and self.cancel_reason is not None:
            self._event.set()


class Call:
    __slots__ = (
        "id", "meta", "chunks", "body_bytes", "body_whole", "credit", "over", "head_sent", "cancel_reason", "_event",
        "task", "batch", "log_meter", "partials", "cpu_started", "waiters", "ungranted",
    )

    def __init__(self, call_id, meta, body, whole):
        self.id = call_id
        self.meta = meta
        self.chunks = [body] if body else []
        self.body_bytes = len(body)
        self.body_whole = whole
        self.credit = INITIAL_CREDIT
        self.over = False
        self.head_sent = False
        self.cancel_reason = None
        self._event = None
        self.task = None
        #: The context of the batch that it is an item of.
        self.batch = None
        self.log_meter = LogMeter()
        self.partials = ["", ""]
        self.cpu_started = 0.0
        self.waiters = None
        self.ungranted = 0

    def cancel_event(self):
        if self._event is None:
            self._event = threading.Event()
            if self.cancel_reason is not None:
                self._event.set()
        return self._event

    def cancel(self, reason):
        self.cancel_reason = reason
        if self._event is not None:
            self._event.set()
        if self.batch is not None:
            self.batch.item_cancelled()

    def body(self):
        chunks = self.chunks
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class Settings:
    def __init__(self, message, code_directory=None):
        self.function_name = message["functionName"]
        self.function_version = message["functionVersion"]
        self.handler = message["handler"]
        self.code_directory = code_directory or message["codeDirectory"]
        self.env = message.get("env") or {}
        self.memory_limit_mb = message["memoryLimitMb"]
        self.concurrency = max(1, int(message.get("concurrency", 1)))
        self.log_limit_bytes = message["logLimitBytes"]
        self.log_line_bytes = message["logLineBytes"]
        self.max_tunnels = int(message.get("maxTunnels") or 0)


# --- the way out of a sandbox without a network -------------------------------------------------------------------------


class Tunnel:
    """One connection of a program inside, on its way to the host. Everything but `credit` and `outgoing` is the thread's own."""

    def __init__(self, tunnel_id, connection):
        self.id = tunnel_id
        self.connection = connection
        self.credit = TUNNEL_CREDIT
        self.outgoing = collections.deque()
        self.written = 0
        self.has_ended = False
        self.has_sent_end = False
        self.is_watched = False
        self.is_closed = False


class Tunnels:
    """
    A port on the loopback whose connections go through the channel, served by one thread. What comes out at the other end is the platform's
    HTTP proxy; nothing is decided here. Frames arrive on whatever thread reads the channel; they are queued and the thread is woken.
    """

    def __init__(self, channel, most, hurry):
        import socket

        self.channel = channel
        self.most = most
        self.hurry = hurry
        self.tunnels = {}
        self.last_id = 0
        self.arrived = collections.deque()
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_write, False)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=most)
        self.listener.setblocking(False)
        self.poll = select.poll()
        self.poll.register(self.wake_read, select.POLLIN)
        self.poll.register(self.listener, select.POLLIN)
        threading.Thread(target=self.serve, name="hearth-tunnels", daemon=True).start()

    def variables(self):
        url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        own = "localhost,127.0.0.1,::1"
        names = {"HTTP_PROXY": url, "HTTPS_PROXY": url, "NO_PROXY": own}
        return {**names, **{name.lower(): value for name, value in names.items()}}

    def receive(self, kind, flags, tunnel_id, payload):
        self.arrived.append((kind, flags, tunnel_id, payload))
        self.wake()

    def close_all(self):
        """A copy of this sandbox must not go on with connections of the original. The host has done the same."""
        self.receive(0, 0, 0, b"")

    def wake(self):
        try:
            os.write(self.wake_write, b"\0")
        except BlockingIOError:  # enough bytes to wake it are there
            pass

    def serve(self):
        by_fd = {}
        while True:
            for fd, events in self.poll.poll():
                if fd == self.wake_read:
                    os.read(fd, 4096)
                    while self.arrived:
                        self.on_frame(*self.arrived.popleft())
                elif fd == self.listener.fileno():
                    self.accept()
                else:
                    tunnel = by_fd.get(fd)
                    if tunnel is not None:
                        self.on_event(tunnel, events)
            by_fd = {tunnel.connection.fileno(): tunnel for tunnel in self.tunnels.values()}

    def accept(self):
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        if len(self.tunnels) >= self.most:
            connection.close()
            return
        connection.setblocking(False)
        connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self.last_id += 1
        tunnel = self.tunnels[self.last_id] = Tunnel(self.last_id, connection)
        self.channel.frame(TUNNEL_OPEN, 0, tunnel.id, b"")
        self.watch(tunnel)

    def watch(self, tunnel):
        """Waits for what this tunnel can use: bytes while there is credit, room while there is something to write."""
        wanted = 0
        if tunnel.credit > 0 and not tunnel.has_sent_end:
            wanted |= select.POLLIN
        if tunnel.outgoing:
            wanted |= select.POLLOUT
        if wanted:
            self.poll.register(tunnel.connection, wanted)
        elif tunnel.is_watched:
            # Not only for less: a connection whose other side is gone would be reported again and again.
            self.poll.unregister(tunnel.connection)
        tunnel.is_watched = wanted != 0

    def on_event(self, tunnel, events):
        try:
            if events & select.POLLOUT:
                self.write(tunnel)
            if events & (select.POLLIN | select.POLLHUP) and tunnel.credit > 0 and not tunnel.has_sent_end:
                self.read(tunnel)
            elif events & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
                self.drop(tunnel, True)
        except BlockingIOError:
            pass
        except OSError:
            self.drop(tunnel, True)
        if not tunnel.is_closed:
            self.watch(tunnel)

    def read(self, tunnel):
        data = tunnel.connection.recv(min(tunnel.credit, TUNNEL_CHUNK))
        if data:
            tunnel.credit -= len(data)
            self.channel.frame(TUNNEL_DATA, 0, tunnel.id, data)
            self.hurry()
            return
        tunnel.has_sent_end = True
        self.channel.frame(TUNNEL_DATA, FLAG_END, tunnel.id, b"")
        self.finish(tunnel)

    def write(self, tunnel):
        while tunnel.outgoing:
            sent = tunnel.connection.send(tunnel.outgoing[0])
            tunnel.written += sent
            if sent < len(tunnel.outgoing[0]):
                tunnel.outgoing[0] = tunnel.outgoing[0][sent:]
                break
            tunnel.outgoing.popleft()
        if tunnel.written >= TUNNEL_CREDIT // 4:
            self.channel.frame(TUNNEL_WINDOW, 0, tunnel.id, U32.pack(tunnel.written))
            tunnel.written = 0
        if not tunnel.outgoing and tunnel.has_ended:
            tunnel.connection.shutdown(_socket.SHUT_WR)
            self.finish(tunnel)

    def on_frame(self, kind, flags, tunnel_id, payload):
        if kind == 0:
            for tunnel in tuple(self.tunnels.values()):
                self.drop(tunnel, False)
            return
        tunnel = self.tunnels.get(tunnel_id)
        if tunnel is None:
            return
        if kind == TUNNEL_CLOSE:
            self.drop(tunnel, False)
        elif kind == TUNNEL_WINDOW:
            tunnel.credit += U32.unpack(payload)[0]
            self.watch(tunnel)
        else:
            if payload:
                tunnel.outgoing.append(payload)
            tunnel.has_ended = tunnel.has_ended or bool(flags & FLAG_END)
            self.on_event(tunnel, select.POLLOUT)

    def finish(self, tunnel):
        if tunnel.has_ended and tunnel.has_sent_end and not tunnel.outgoing:
            self.drop(tunnel, False)

    def drop(self, tunnel, tell):
        if tunnel.is_closed:
            return
        tunnel.is_closed = True
        self.tunnels.pop(tunnel.id, None)
        if tunnel.is_watched:
            self.poll.unregister(tunnel.connection)
        tunnel.connection.close()
        if tell:
            self.channel.frame(TUNNEL_CLOSE, 0, tunnel.id, b"")


# --- HTTP as events (Lambda function URL, payload 2.0) ---------------------------------------------------------------

TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml", "application/x-www-form-urlencoded")


def is_text(content_type):
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith(TEXT_TYPES) or kind.endswith(("+json", "+xml"))


def pairs(flat):
    return zip(flat[0::2], flat[1::2])


def http_event(call):
    meta = call.meta
    path, _, query = meta["target"].partition("?")
    headers, cookies = {}, []
    for name, value in pairs(meta["headers"]):
        name = name.lower()
        if name == "cookie":
            cookies.extend(part.strip() for part in value.split(";") if part.strip())
        elif name in headers:
            headers[name] += "," + value
        else:
            headers[name] = value
    host = meta.get("host") or headers.get("host", "")
    headers.setdefault("x-forwarded-for", meta.get("clientAddress", ""))
    headers.setdefault("x-forwarded-proto", meta.get("scheme", "http"))
    now = time.time()
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "hearth",
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": meta["method"],
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": meta.get("clientAddress", ""),
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": meta["invocationId"],
            "routeKey": "$default",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if query:
        parameters = {}
        for name, value in parameters_of(query):
            parameters[name] = parameters[name] + "," + value if name in parameters else value
        event["queryStringParameters"] = parameters
    if meta.get("params"):
        event["pathParameters"] = meta["params"]
    body = call.body()
    if body:
        try:
            if "content-encoding" in headers or not is_text(headers.get("content-type", "")):
                raise UnicodeError()
            event["body"] = body.decode("utf-8")
        except UnicodeError:
            event["body"] = binascii.b2a_base64(body, newline=False).decode("ascii")
            event["isBase64Encoded"] = True
    return event


def header_items(source, name):
    """The pairs of headers as a handler gave them: a dictionary, or pairs."""
    try:
        return [(key, value) for key, value in (source.items() if hasattr(source, "items") else source)]
    except (TypeError, ValueError):
        raise InvalidResponse("%s is a %s; it must be a dictionary of names and values" % (name, type(source).__name__)) from None


def http_head(result):
    """(status, flat headers) of a dictionary with statusCode."""
    flat = []
    names = set()
    for kind in ("headers", "multiValueHeaders"):
        for name, value in header_items(result.get(kind) or (), kind):
            for item in value if isinstance(value, (list, tuple)) else (value,):
                if item is None:
                    continue
                flat += (str(name), "true" if item is True else "false" if item is False else str(item))
                names.add(str(name).lower())
    cookies = result.get("cookies") or ()
    if not isinstance(cookies, (list, tuple)):
        raise InvalidResponse("cookies is a %s; it must be a list" % type(cookies).__name__)
    for cookie in cookies:
        flat += ("set-cookie", str(cookie))
    if "content-type" not in names:
        flat += ("content-type", "application/json")
    return checked_head(result["statusCode"], flat)


def checked_head(status, flat):
    """(status, flat headers) as they can be sent. Raises InvalidResponse where the host would refuse them."""
    try:
        code = int(status)
        is_whole = isinstance(status, str) or code == status
    except (TypeError, ValueError, OverflowError):
        code, is_whole = 0, False
    if not is_whole or not 200 <= code <= 599:
        raise InvalidResponse("the status %s is not a whole number from 200 to 599" % (status,))
    if len(flat) > MAX_HEADERS * 2:
        raise InvalidResponse("there are %d headers; at most %d can be sent" % (len(flat) // 2, MAX_HEADERS))
    size = 0
    for name, value in zip(flat[::2], flat[1::2]):
        size += len(name) + len(value)
        if not name or not NAME_CHARACTERS.issuperset(name):
            raise InvalidResponse("%s is not a legal header name" % encode_json(name[:64]))
        if not (value.isascii() and value.isprintable()) and not all(map(is_header_character, value)):
            raise InvalidResponse("the value of header %s has characters that HTTP does not allow; percent-encode it" % name)
    if size > MAX_HEADER_BYTES:
        raise InvalidResponse("the headers have %d bytes; at most %d can be sent" % (size, MAX_HEADER_BYTES))
    return code, flat


def is_header_character(character):
    return character == "\t" or " " <= character <= "~" or "\x80" <= character <= "\xff"


def http_result(result):
    """What an event handler returned, as (status, flat headers, body)."""
    if isinstance(result, dict) and "statusCode" in result:
        status, headers = http_head(result)
        body = result.get("body")
        if body is None:
            data = b""
        elif isinstance(body, (bytes, bytearray, memoryview)):
            data = bytes(body)
        elif not isinstance(body, str):
            data = to_json(body)
        else:
            data = binascii.a2b_base64(body) if result.get("isBase64Encoded") else body.encode("utf-8", "replace")
        return status, headers, data
    if isinstance(result, (bytes, bytearray, memoryview)):
        return 200, ["content-type", "application/octet-stream"], bytes(result)
    if isinstance(result, str):
        return 200, ["content-type", "application/json"], result.encode("utf-8", "replace")
    return 200, ["content-type", "application/json"], to_json(result)


def is_stream(value):
    kind = type(value)
    return hasattr(kind, "__next__") or hasattr(kind, "__anext__")


def stream_of(call, result):
    """(head or None, iterator) of a result that comes in pieces: an iterator, or one as the body of a dictionary with statusCode."""
    if is_stream(result):
        return None, result
    if isinstance(result, dict) and "statusCode" in result and call.meta["kind"] == "http" and is_stream(result.get("body")):
        return http_head(result), result["body"]
    return None


def stream_chunk(value):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    return value.encode("utf-8", "replace") if isinstance(value, str) else to_json(value) + b"\n"


def stream_head(first):
    """A stream may begin with {"statusCode": …, "headers": …}; returns (status, headers, whether that was one)."""
    if isinstance(first, dict) and "statusCode" in first:
        status, headers = http_head(first)
        return status, headers, True
    if isinstance(first, (bytes, bytearray, memoryview)):
        kind = "application/octet-stream"
    else:
        kind = "text/plain; charset=utf-8" if isinstance(first, str) else "application/x-ndjson"
    return 200, ["content-type", kind], False


def request_of_event(call):
    """An API invocation of an ASGI or WSGI app: POST / with the JSON as its body."""
    meta = dict(call.meta)
    meta.update(
        method="POST", target="/", scheme="http", host="hearth", clientAddress="127.0.0.1",
        headers=["content-type", "application/json", "content-length", str(call.body_bytes), "host", "hearth"],
    )
    if "traceparent" in meta:
        meta["headers"] += ["traceparent", meta["traceparent"]]
    return meta


# --- the user's module -----------------------------------------------------------------------------------------------


def positional_names(target):
    """The names of the parameters that may be given by position; none where they cannot be known."""
    if is_plain(target):
        return target.__code__.co_varnames[: target.__code__.co_argcount]
    import inspect

    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return ()
    return tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))


def is_plain(target):
    """A function as `def` makes it: its code says all that `inspect` would, which takes as long to import as Python to start."""
    return type(target) is types.FunctionType and not target.__dict__


def single_of(batch_handler):
    """With a handler setting of `main.handle_batch`, a call that comes alone is a batch of one."""

    def only(results, context):
        (result,) = results_of_batch(results, (context.invocation_id,))
        return expect_result(result)

    if is_async(batch_handler):

        async def single(event, context):
            return only(await batch_handler([event], context), context)

        return single
    return lambda event, context: only(batch_handler([event], context), context)


def results_of_batch(returned, ids):
    """One result or exception per item, in order, of what handle_batch returned; AWS Lambda's `batchItemFailures` gives None to all others."""
    failures = returned.get("batchItemFailures") if isinstance(returned, dict) else None
    if isinstance(failures, (list, tuple)):
        failed = {failure.get("itemIdentifier") for failure in failures if isinstance(failure, dict)}
        failure = BatchItemFailure("the handler reported this item as failed")
        return [failure if item in failed else None for item in ids]
    if not isinstance(returned, (list, tuple)) or len(returned) != len(ids):
        what = "%d results" % len(returned) if isinstance(returned, (list, tuple)) else type(returned).__name__
        raise TypeError(
            "handle_batch must return a list with one result or exception per event: %d were given, it returned %s"
            % (len(ids), what)
        )
    return returned


def expect_result(result):
    """Raises what an item of a batch failed with: an exception, or a dictionary with `error` alone."""
    if isinstance(result, dict) and len(result) == 1 and result.get("error") is not None:
        error = result["error"]
        result = error if isinstance(error, BaseException) else Exception(error if isinstance(error, str) else encode_json(error))
    if isinstance(result, BaseException):
        raise result
    return result


def is_async(target):
    if is_plain(target):
        return bool(target.__code__.co_flags & ASYNC_FLAGS)
    import inspect

    if inspect.iscoroutinefunction(target) or inspect.isasyncgenfunction(target):
        return True
    call = getattr(target, "__call__", None)
    return not inspect.isfunction(target) and (inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call))


def is_awaitable(value):
    """As inspect.isawaitable: also generators that types.coroutine has marked."""
    if isinstance(value, types.GeneratorType):
        return bool(value.gi_code.co_flags & ITERABLE_COROUTINE)
    return isinstance(value, (types.CoroutineType, collections.abc.Awaitable))


def style_of(target, name, explicit):
    if explicit in ("event", "asgi", "wsgi"):
        return explicit
    positional = positional_names(target)
    if len(positional) == 3 and (is_async(target) or positional == ("scope", "receive", "send")):
        return "asgi"
    if hasattr(target, "wsgi_app"):
        return "wsgi"
    if name in ("app", "application", "wsgi", "wsgi_app") and len(positional) == 2 and not is_async(target):
        return "wsgi"
    return "event"


def preload(names):
    """Imports standard modules in a sandbox that still waits for its version; what cannot be imported here is left out.

    No code of a user is on sys.path yet, and on Python 3.10 or later nothing but the standard library is taken.
    """
    import importlib

    standard = getattr(sys, "stdlib_module_names", None)
    before = set(sys.modules)
    for name in names:
        if standard is not None and name.partition(".")[0] not in standard:
            continue
        try:
            importlib.import_module(name)
        except Exception:
            pass  # this interpreter was built without it
    PRELOADED.update(set(sys.modules) - before)


def forget_shadowed(place):
    """A bundle's own module wins over a standard one of its name, as it would had nothing been imported ahead."""
    if not PRELOADED:
        return
    own = {entry.partition(".")[0] for entry in os.listdir(place)}
    for name in [name for name in PRELOADED if name.partition(".")[0] in own]:
        sys.modules.pop(name, None)
        PRELOADED.discard(name)


def import_later():
    for name in LATER:
        __import__(name)


def complete_site():
    """
    Python was started without `site`, which costs it a quarter of its time. Where packages were installed beside the standard library, it does
    all that it would have done; else what is left of it: exit, quit, help and the like.
    """
    import site

    if any(map(os.path.isdir, site.getsitepackages())):
        site.main()
        return
    site.setquit()
    site.setcopyright()
    site.sethelper()


def settle_names(places):
    """
    A bundle that has a module of the name of a standard one gets what the agent imports later now: it must never find the bundle's. `test` is a
    name of both that nothing imports.
    """
    standard = getattr(sys, "stdlib_module_names", None)
    names = {entry.partition(".")[0] for place in places for entry in os.listdir(place)}
    if standard is None or not standard.isdisjoint(names - {"test"}):
        import_later()


def load_module(settings):
    """Imports the handler's module and returns (module, target, name)."""
    path, _, name = settings.handler.rpartition(".")
    module_name = path.strip("./").replace("/", ".")
    code = settings.code_directory
    if not module_name or not name:
        raise InitFailed("the handler %r must be module.name, for example main.handler" % settings.handler)
    packages = os.path.join(code, "site-packages")
    places = [place for place in (packages, code) if place == code or os.path.isdir(place)]
    settle_names(places)
    for place in places:
        if place not in sys.path:
            sys.path.insert(0, place)
            forget_shadowed(place)
    try:
        __import__(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name == error.name or module_name.startswith(error.name + ".")):
            raise
        there = sorted(entry for entry in os.listdir(code) if entry.endswith(".py"))[:10]
        raise InitFailed(
            "there is no %s.py for the handler %s; the bundle has %s"
            % (module_name.replace(".", "/"), settings.handler, ", ".join(there) or "no Python file at its top")
        ) from None
    module = sys.modules[module_name]
    target = getattr(module, name, None)
    if not callable(target):
        names = sorted(
            key for key, value in vars(module).items()
            if not key.startswith("_") and callable(value) and getattr(value, "__module__", module_name) == module_name
        )[:10]
        raise InitFailed(
            "module %s has no callable %r; it has %s" % (module_name, name, ", ".join(names) or "no functions of its own")
        )
    return module, target, name


# --- the agent -------------------------------------------------------------------------------------------------------


def cancel_reason_in(payload):
    return decode_json(payload.decode("utf-8")).get("reason", "deadline")


class Batch:
    """Calls that travel to handle_batch together."""

    __slots__ = ("calls", "task")

    def __init__(self, calls):
        self.calls = calls
        self.task = None


class Agent:
    def __init__(self, channel, code_directory=None):
        self.channel = channel
        self.code_directory = code_directory
        self.parser = FrameParser()
        self.logs = Logs(channel)
        self.calls = self.logs.calls
        self.ready = collections.deque()
        # Frames of calls wait in `early` until READY has been sent.
        self.takes_calls = False
        self.early = []
        self.settings = None
        self.handler = None
        self.batch_handler = None
        self.style = "event"
        self.loop = None
        self.executor = None
        self.pool_queue = None
        self.changed = threading.Condition()
        self.draining = False
        self.handlers_async = False
        self.spare_loop = None
        self.lifespan = None
        # Who reads the channel; see the module's docstring. busy_seq is odd while the main thread may be in user code.
        self.role_lock = threading.Lock()
        self.busy_seq = 0
        self.watcher_owns = False
        self.parked = False
        self.kick = threading.Semaphore(0)
        self.handed_back = threading.Semaphore(0)
        self.wake_read, self.wake_write = os.pipe()
        self.beating = False
        self.hurried = False
        self.tunnels = None

    # -- life --

    def run(self):
        hello = {"protocol": 1, "runtime": "python", "runtimeVersion": "%d.%d.%d" % sys.version_info[:3], "pid": os.getpid(), "holdsCalls": True}
        self.channel.frame(HELLO, 0, 0, to_json(hello))
        while self.settings is None:
            self.read_frames()
        self.logs.line_bytes = self.settings.log_line_bytes
        self.logs.limit_bytes = self.settings.log_limit_bytes
        self.redirect_output()
        threading.Thread(target=self.watch, name="hearth-watcher", daemon=True).start()
        self.begin_busy()
        try:
            ready = self.initialise()
        except SystemExit as error:
            self.exit(exit_code(error))
        except BaseException as error:
            self.finish_logs()
            self.channel.frame(ERROR, 0, 0, self.error_json(error, 0.0, 0, True))
            os._exit(1)
        self.end_busy()
        self.finish_logs()
        self.channel.frame(READY, 0, 0, to_json(ready))
        self.take_calls()
        if self.loop is not None:
            self.run_loop()
        else:
            self.run_sync()

    def take_calls(self):
        """What came before READY begins, once all that the host sent meanwhile has been read: it may not want it any more."""
        try:
            data = self.channel.read_now()
            for frame in self.parser.feed(data) if data is not None else ():
                self.on_frame(*frame)
        except (ChannelClosed, OSError):
            os._exit(0)
        self.takes_calls = True
        early, self.early = self.early, []
        cancelled = {call_id: payload for kind, _, call_id, payload in early if kind == CANCEL}
        for kind, flags, call_id, payload in early:
            if kind == INVOKE and call_id in cancelled:
                call = self.call_of(flags, call_id, payload)
                call.cancel(cancel_reason_in(cancelled[call_id]))
                self.is_unwanted(call)
            elif call_id not in cancelled:
                self.on_frame(kind, flags, call_id, payload)

    def redirect_output(self):
        sys.stdout = LogStream(self.logs, 0, LEVEL_INFO)
        sys.stderr = LogStream(self.logs, 1, LEVEL_ERROR)
        if "logging" in sys.modules:
            capture_logging(self.logs)
        else:
            sys.meta_path.insert(0, LoggingFinder(self.logs))
        threading.excepthook = self.thread_failed

    def thread_failed(self, details):
        if details.exc_type is SystemExit or details.exc_value is None:
            return
        name = details.thread.name if details.thread is not None else "?"
        text = "exception in thread %s\n%s" % (name, clean_traceback(details.exc_value, self.settings.code_directory))
        self.logs.emit(self.logs.owner(), LEVEL_ERROR, 1, text)

    def initialise(self):
        settings = self.settings
        os.environ.update(settings.env)
        if settings.max_tunnels > 0:
            self.tunnels = Tunnels(self.channel, settings.max_tunnels, self.hurry)
            os.environ.update(self.tunnels.variables())
        try:
            os.chdir(settings.code_directory)
        except OSError:
            pass
        started = time.monotonic()
        if sys.flags.no_site:
            complete_site()
        module, target, name = load_module(settings)
        imported = time.monotonic()
        self.style = style_of(target, name, getattr(module, "hearth_style", None))
        self.handler = target
        batch_handler = getattr(module, "handle_batch", None)
        self.batch_handler = batch_handler if callable(batch_handler) and self.style == "event" else None
        if self.batch_handler is not None and target is self.batch_handler:
            self.handler = target = single_of(target)
        init = getattr(module, "init", None)
        self.handlers_async = self.style == "asgi" or is_async(target)
        if self.handlers_async or (self.batch_handler is not None and is_async(self.batch_handler)):
            import asyncio

            self.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self.loop)
        elif settings.concurrency > 1:
            self.start_pool(settings.concurrency)
        if callable(init) and not isinstance(init, type):
            result = init()
            if is_awaitable(result):
                (self.loop or self.main_loop()).run_until_complete(result)
        if self.style == "asgi":
            self.lifespan = Lifespan(self.handler)
            self.loop.run_until_complete(self.lifespan.startup())
        return {
            "style": self.style,
            "handlesBatch": self.batch_handler is not None,
            "importMs": (imported - started) * 1000,
            "initMs": (time.monotonic() - imported) * 1000,
        }

    def exit(self, code):
        """Ends the process now: what the user registered with atexit runs, threads are not waited for."""
        import atexit

        for call in tuple(self.calls.values()):
            self.finish_logs(call)
        try:
            atexit._run_exitfuncs()
        except BaseException:
            pass
        self.finish_logs()
        os._exit(code)

    def finish_logs(self, call=None):
        if isinstance(sys.stdout, LogStream):
            sys.stdout.finish(call)
        if isinstance(sys.stderr, LogStream):
            sys.stderr.finish(call)

    # -- who reads --

    def begin_busy(self):
        self.busy_seq += 1
        if self.parked:
            self.parked = False
            self.kick.release()

    def end_busy(self):
        with self.role_lock:
            self.busy_seq += 1
        if self.watcher_owns:
            self.reclaim()

    def reclaim(self):
        os.write(self.wake_write, b"\0")
        self.handed_back.acquire()

    def read_frames(self):
        for kind, flags, call_id, payload in self.parser.feed(self.channel.read()):
            self.on_frame(kind, flags, call_id, payload)

    def watch(self):
        """The watcher thread: asleep while the agent is idle, looking at busy_seq every tick while it is not."""
        last, unchanged, idle = -1, 0, 0
        while True:
            self.kick.acquire(timeout=TICK_SECONDS)
            seq = self.busy_seq
            if seq != last and not (self.hurried and seq & 1):
                last, unchanged, idle = seq, 0, 0
            elif seq & 1:
                unchanged += 1
                if unchanged >= STUCK_TICKS or self.hurried:
                    self.hurried = False
                    self.take_over(seq)
                    unchanged = 0
            else:
                idle += 1
                if idle >= PARK_TICKS:
                    idle = 0
                    self.parked = True
                    if self.busy_seq != seq:
                        self.parked = False
                    else:
                        self.kick.acquire()

    def hurry(self):
        """User code waits for bytes from the host, most likely on the main thread: the watcher need not wait to see it stuck."""
        if self.loop is None and self.pool_queue is None and not self.watcher_owns and not self.hurried:
            self.hurried = True
            self.kick.release()

    def take_over(self, seq):
        with self.role_lock:
            if self.busy_seq != seq:
                return
            self.watcher_owns = True
        poll = select.poll()
        poll.register(self.channel.fd, select.POLLIN | select.POLLHUP)
        poll.register(self.wake_read, select.POLLIN)
        try:
            while True:
                ready = [fd for fd, _ in poll.poll()]
                if self.wake_read in ready:
                    os.read(self.wake_read, 1)
                    break
                data = self.channel.read_now()
                for frame in self.parser.feed(data) if data is not None else ():
                    self.on_watched_frame(*frame)
        except (ChannelClosed, OSError):
            os._exit(0)
        self.watcher_owns = False
        self.handed_back.release()

    def on_watched_frame(self, kind, flags, call_id, payload):
        if self.loop is None or not self.takes_calls or kind == PING or kind >= TUNNEL_OPEN:
            self.on_frame(kind, flags, call_id, payload)
            return
        if kind == CANCEL:
            call = self.calls.get(call_id)
            if call is not None:
                call.cancel(cancel_reason_in(payload))
        self.loop.call_soon_threadsafe(self.on_frame, kind, flags, call_id, payload)

    # -- frames --

    def on_frame(self, kind, flags, call_id, payload):
        # DRAIN lets what was sent before it be finished; when nothing was, it is for an agent that waits.
        if not self.takes_calls and (kind in CALL_FRAMES or (kind == DRAIN and self.early)):
            self.early.append((kind, flags, call_id, payload))
        elif kind == INVOKE:
            if flags & FLAG_BATCH:
                self.on_batch(call_id, payload)
                return
            call = self.call_of(flags, call_id, payload)
            if call.body_whole or self.style == "asgi":
                self.start(call)
            else:
                self.grant(call, call.body_bytes)
        elif kind == BODY or kind == END:
            self.on_body(self.calls.get(call_id), payload, kind == END or bool(flags & FLAG_END))
        elif kind == WINDOW:
            call = self.calls.get(call_id)
            if call is not None:
                call.credit += U32.unpack(payload)[0]
                self.notify(call)
        elif kind == CANCEL:
            self.on_cancel(self.calls.get(call_id), cancel_reason_in(payload))
        elif kind == PING:
            self.channel.frame(PONG, 0, 0, payload)
        elif kind == DRAIN:
            self.draining = True
            self.check_drained()
        elif kind == INIT:
            self.settings = Settings(decode_json(payload.decode("utf-8")), self.code_directory)
        elif kind >= TUNNEL_OPEN:
            if self.tunnels is not None:
                self.tunnels.receive(kind, flags, call_id, payload)
        elif kind == BEFORE_SNAPSHOT:
            if self.tunnels is not None:
                self.tunnels.close_all()
            self.channel.hold(BEFORE_SNAPSHOT)
        elif kind == AFTER_RESTORE:
            reseed(binascii.a2b_base64(decode_json(payload.decode("utf-8")).get("entropy", "")))
            self.channel.frame(AFTER_RESTORE, 0, 0, b"")
            self.channel.release()

    def call_of(self, flags, call_id, payload):
        body_at = 4 + U32.unpack_from(payload)[0]
        call = Call(call_id, decode_json(str(payload[4:body_at], "utf-8")), payload[body_at:], bool(flags & FLAG_END))
        self.calls[call_id] = call
        return call

    def on_batch(self, first_id, payload):
        at = 4 + U32.unpack_from(payload)[0]
        calls = []
        for index, meta in enumerate(decode_json(str(payload[4:at], "utf-8"))["items"]):
            size = meta["bodyBytes"]
            call = Call(first_id + index, meta, payload[at:at + size], True)
            at += size
            self.calls[call.id] = call
            calls.append(call)
        if self.batch_handler is not None:
            self.start(Batch(calls))
        else:
            for call in calls:
                self.start(call)

    def on_body(self, call, data, last):
        if call is None or call.body_whole:
            return
        if data:
            call.chunks.append(data)
            call.body_bytes += len(data)
        call.body_whole = last
        if self.style == "asgi":
            self.notify(call)
        elif last:
            self.start(call)
        else:
            self.grant(call, len(data))

    def on_cancel(self, call, reason):
        if call is None or call.over:
            return
        call.cancel(reason)
        if self.style != "asgi" and not call.body_whole:
            self.fail(call, Cancelled("cancelled (%s) before its request had arrived" % reason))
            return
        self.notify(call)
        task = call.task
        if isinstance(task, Batch):
            if any(item.cancel_reason is None and not item.over for item in task.calls):
                return
            task = task.task
        if task is None or self.loop is None:
            return
        if self.style == "asgi" and reason == "disconnected":
            self.loop.call_later(DISCONNECT_GRACE_SECONDS, task.cancel)
        else:
            # Not at once: a task that is cancelled before its first step never runs, and the call would have no end.
            self.loop.call_soon(task.cancel)

    def grant(self, call, size):
        """Lets the host send as many more body bytes as were taken; in steps, because each grant is a frame."""
        call.ungranted += size
        if call.ungranted >= GRANT_STEP and not call.body_whole:
            self.channel.frame(WINDOW, 0, call.id, U32.pack(call.ungranted))
            call.ungranted = 0

    def notify(self, call):
        waiters = call.waiters
        if waiters:
            call.waiters = None
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)
        if self.pool_queue is not None:
            with self.changed:
                self.changed.notify_all()

    def start(self, item):
        if self.loop is not None:
            self.start_task(item)
        elif self.pool_queue is not None:
            self.pool_queue.put(item)
        else:
            self.ready.append(item)

    def check_drained(self):
        if not self.draining or self.calls:
            return
        if self.loop is not None:
            self.loop.stop()
        else:
            self.exit(0)

    # -- answers --

    def error_json(self, error, cpu_ms, peak, fatal=False):
        is_ours = isinstance(error, (InitFailed, Cancelled))
        return to_json({
            "type": type(error).__name__ if is_ours else type_name(error),
            "message": safe_message(error)[:16_384],
            "stack": "" if is_ours else self.stack_of(error)[-65_536:],
            "cpuMs": cpu_ms,
            "peakMemoryBytes": peak,
            "fatal": fatal,
        })

    def stack_of(self, error):
        """Empty where code has left no descriptor or no memory to make it of: the error itself is said all the same."""
        try:
            return clean_traceback(error, self.settings.code_directory)
        except Exception:
            return ""

    def close_call(self, call):
        if call.partials[0] or call.partials[1]:
            self.finish_logs(call)
        call.over = True
        self.calls.pop(call.id, None)

    def fail(self, call, error):
        if call.over:
            return
        self.close_call(call)
        cpu_ms, peak = usage_since(call.cpu_started)
        try:
            payload = self.error_json(error, cpu_ms, peak)
        except BaseException:
            payload = to_json({"type": type(error).__name__, "message": "", "stack": "", "cpuMs": cpu_ms, "peakMemoryBytes": peak, "fatal": False})
        self.channel.frame(ERROR, 0, call.id, payload)

    def send_whole(self, call, status, headers, event, body):
        """The response in one frame; the caller has made sure that the credit is enough."""
        self.close_call(call)
        cpu_ms, peak = usage_since(call.cpu_started)
        call.head_sent = True
        meta = ('{"status":%d,"headers":%s,"event":%s,"cpuMs":%.3f,"peakMemoryBytes":%d}'
                % (status, headers, event, cpu_ms, peak)).encode("utf-8", "replace")
        size = len(meta)
        self.channel.send(
            HEADER.pack(4 + size + len(body), RESPONSE, FLAG_END, 0, call.id) + U32.pack(size) + meta + body
        )

    def send_head(self, call, status, headers, body=b""):
        call.head_sent = True
        call.credit -= len(body)
        meta = to_json({"status": status, "headers": headers, "event": False})
        self.channel.frame(RESPONSE, 0, call.id, U32.pack(len(meta)) + meta + body)

    def send_end(self, call):
        self.close_call(call)
        cpu_ms, peak = usage_since(call.cpu_started)
        self.channel.frame(END, 0, call.id, b'{"cpuMs":%.3f,"peakMemoryBytes":%d}' % (cpu_ms, peak))

    def next_chunk(self, call, view):
        """What of the view may be sent now; sends it and returns the rest."""
        size = min(len(view), MAX_CHUNK, call.credit)
        if size > 0:
            call.credit -= size
            self.channel.frame(BODY, 0, call.id, bytes(view[:size]))
        return view[size:]

    def event_of(self, call):
        if call.meta["kind"] == "http":
            return http_event(call)
        body = call.body()
        return decode_json(str(body, "utf-8")) if body else None

    def complete_if_small(self, call, result):
        """Answers with the result if it fits into the credit; else returns what is left to send as a stream."""
        if call.meta["kind"] == "event":
            body = to_json(result)
            if len(body) <= call.credit:
                self.send_whole(call, 200, '["content-type","application/json"]', "true", body)
                return None
            return 200, ["content-type", "application/json"], True, body
        status, headers, body = http_result(result)
        if len(body) <= call.credit:
            self.send_whole(call, status, encode_json(headers), "false", body)
            return None
        return status, headers, False, body

    def begin_large(self, call, status, headers, event, body):
        """The head of a body that is whole: with its length, so that one over the limit is refused before any of it is sent."""
        call.head_sent = True
        if not any(name.lower() == "content-length" for name in headers[::2]):
            headers = [*headers, "content-length", str(len(body))]
        meta = to_json({"status": status, "headers": headers, "event": event})
        self.channel.frame(RESPONSE, 0, call.id, U32.pack(len(meta)) + meta)

    # -- synchronous handlers --

    def run_sync(self):
        ready = self.ready
        try:
            if self.pool_queue is not None:
                while True:
                    self.read_frames()
            while True:
                while ready:
                    item = ready.popleft()
                    self.begin_busy()
                    self.run_item(item)
                    self.end_busy()
                self.check_drained()
                self.read_frames()
        except ChannelClosed:
            os._exit(0)

    def start_pool(self, size):
        import queue

        self.pool_queue = queue.SimpleQueue()
        for index in range(size):
            threading.Thread(target=self.work, name="hearth-%d" % index, daemon=True).start()

    def work(self):
        while True:
            self.run_item(self.pool_queue.get())
            if self.draining:
                self.check_drained()

    def run_item(self, item):
        if isinstance(item, Batch):
            self.run_batch(item)
            return
        if self.is_unwanted(item):
            return
        current_call.set(item)
        item.cpu_started = cpu_seconds()
        try:
            if self.style == "wsgi":
                self.run_wsgi(item)
            else:
                result = self.handler(self.event_of(item), Context(item, self.settings))
                if isinstance(result, types.CoroutineType):
                    result = self.run_coroutine(result)
                rest = self.answer(item, result)
                if rest is not None:
                    self.send_rest_sync(item, *rest)
        except SystemExit as error:
            self.exit(exit_code(error))
        except BaseException as error:
            self.fail(item, error)
        finally:
            current_call.set(None)

    def is_unwanted(self, call):
        """True: it was cancelled while others ran before it. Its handler is not called, and the call is over."""
        if call.cancel_reason is None:
            return False
        self.fail(call, Cancelled("cancelled (%s) before its turn came" % call.cancel_reason))
        return True

    def run_coroutine(self, coroutine):
        """A plain function returned a coroutine (a decorator hid that it is one): run it here and now."""
        if threading.current_thread() is not threading.main_thread():
            import asyncio

            return asyncio.run(coroutine)
        return self.main_loop().run_until_complete(coroutine)

    def main_loop(self):
        if self.spare_loop is None:
            import asyncio

            self.spare_loop = asyncio.new_event_loop()
        return self.spare_loop

    def run_batch(self, batch):
        started = cpu_seconds()
        for call in batch.calls:
            call.cpu_started = started
        current_call.set(batch.calls[0])
        try:
            live, events, context = self.batch_arguments(batch)
            results = self.batch_handler(events, context) if live else []
            if isinstance(results, types.CoroutineType):
                results = self.run_coroutine(results)
            for call, rest in self.answer_batch(live, results):
                current_call.set(call)
                try:
                    self.send_rest_sync(call, *rest)
                except Exception as error:
                    self.fail(call, error)
        except SystemExit as error:
            self.exit(exit_code(error))
        except BaseException as error:
            for call in batch.calls:
                self.fail(call, error)
        finally:
            current_call.set(None)

    def batch_arguments(self, batch):
        """Calls that are still wanted and whose event can be read, their events, and the batch's context. The others fail alone."""
        live, events = [], []
        for call in batch.calls:
            if self.is_unwanted(call):
                continue
            try:
                events.append(self.event_of(call))
                live.append(call)
            except Exception as error:
                self.fail(call, error)
        contexts = tuple(Context(call, self.settings) for call in live)
        return live, events, BatchContext(contexts, self.settings) if contexts else None

    def answer_batch(self, live, returned):
        """Answers all items whose result is one frame; returns the others with what is left of them: a slow client holds up nobody else."""
        left = []
        results = results_of_batch(returned, [call.meta["invocationId"] for call in live]) if live else ()
        for call, result in zip(live, results):
            try:
                rest = self.answer(call, expect_result(result))
                if rest is not None:
                    left.append((call, rest))
            except Exception as error:
                self.fail(call, error)
        return left

    def answer(self, call, result):
        """Answers with a result that is one frame. Else returns what is left to be sent: (stream, None) or (None, whole body)."""
        if call.over:
            return None
        stream = stream_of(call, result)
        if stream is not None:
            return stream, None
        large = self.complete_if_small(call, result)
        return None if large is None else (None, large)

    def send_rest_sync(self, call, stream, large):
        if stream is not None:
            self.stream_sync(call, *stream)
            return
        self.begin_large(call, *large)
        self.send_body_sync(call, large[3])
        self.send_end(call)

    def send_body_sync(self, call, data):
        view = memoryview(data)
        while view:
            view = self.next_chunk(call, view)
            if view and call.credit <= 0:
                self.wait_for_host(call)
            if call.cancel_reason is not None:
                raise Cancelled("cancelled (%s) while the response was being sent" % call.cancel_reason)

    def wait_for_host(self, call):
        if self.pool_queue is not None:
            with self.changed:
                while call.credit <= 0 and call.cancel_reason is None:
                    self.changed.wait()
            return
        self.end_busy()
        try:
            while call.credit <= 0 and call.cancel_reason is None:
                self.read_frames()
        except ChannelClosed:
            os._exit(0)
        self.begin_busy()

    def stream_sync(self, call, head, chunks):
        if hasattr(type(chunks), "__anext__"):
            chunks = self.one_by_one(chunks)
        try:
            if head is None:
                first = next(chunks, b"")
                *head, is_head = stream_head(first)
            else:
                is_head = True
            self.send_head(call, *head)
            if not is_head:
                self.send_body_sync(call, stream_chunk(first))
            for chunk in chunks:
                self.send_body_sync(call, stream_chunk(chunk))
            self.send_end(call)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def one_by_one(self, chunks):
        """What an asynchronous iterator yields, for a handler that is a plain function."""
        is_main = threading.current_thread() is threading.main_thread()
        if is_main:
            loop = self.main_loop()
        else:
            import asyncio

            loop = asyncio.new_event_loop()
        over = object()
        try:
            while True:
                chunk = loop.run_until_complete(anext_or(chunks, over))
                if chunk is over:
                    return
                yield chunk
        finally:
            loop.run_until_complete(aclose(chunks))
            if not is_main:
                loop.close()

    def run_wsgi(self, call):
        meta = call.meta if call.meta["kind"] == "http" else request_of_event(call)
        response = []

        def start_response(status, headers, exc_info=None):
            if exc_info is not None and call.head_sent:
                raise exc_info[1].with_traceback(exc_info[2])
            flat = []
            for name, value in headers:
                flat += (name, value)
            response[:] = checked_head(status.split(" ", 1)[0], flat)
            return write

        def write(data):
            if not response:
                raise RuntimeError("the WSGI application wrote before it called start_response")
            if not call.head_sent:
                self.send_head(call, *response)
            self.send_body_sync(call, data)

        result = self.handler(wsgi_environ(meta, call, self.settings), start_response)
        try:
            if isinstance(result, (list, tuple)) and response and not call.head_sent:
                body = b"".join(result)
                if len(body) <= call.credit:
                    self.send_whole(call, response[0], encode_json(response[1]), "false", body)
                    return
                result = (body,)
            for chunk in result:
                if chunk:
                    write(chunk)
            if not response:
                raise RuntimeError("the WSGI application did not call start_response")
            if not call.head_sent:
                self.send_whole(call, response[0], encode_json(response[1]), "false", b"")
            else:
                self.send_end(call)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    # -- asynchronous handlers --

    def run_loop(self):
        self.loop.add_reader(self.channel.fd, self.on_readable)
        if not self.draining:
            self.loop.run_forever()
        self.loop.remove_reader(self.channel.fd)
        if self.lifespan is not None:
            self.loop.run_until_complete(self.lifespan.shutdown())
        self.exit(0)

    def on_readable(self):
        if self.watcher_owns:
            self.reclaim()
        try:
            data = self.channel.read_now()
        except (ChannelClosed, OSError):
            os._exit(0)
        if data is not None:
            for kind, flags, call_id, payload in self.parser.feed(data):
                self.on_frame(kind, flags, call_id, payload)

    def beat(self):
        """While calls run, shows the watcher that the loop is alive, and takes the reading back when it was away."""
        if self.calls:
            with self.role_lock:
                self.busy_seq += 2
            if self.watcher_owns:
                self.reclaim()
            self.loop.call_later(TICK_SECONDS, self.beat)
        else:
            self.beating = False
            self.end_busy()

    def start_task(self, item):
        if not self.beating:
            self.beating = True
            self.begin_busy()
            self.loop.call_later(TICK_SECONDS, self.beat)
        if isinstance(item, Batch):
            token = current_call.set(item.calls[0])
            item.task = self.loop.create_task(self.run_batch_async(item))
            for call in item.calls:
                call.task = item
        else:
            token = current_call.set(item)
            item.task = self.loop.create_task(self.run_async(item))
        current_call.reset(token)

    async def run_async(self, call):
        from asyncio import CancelledError

        call.cpu_started = cpu_seconds()
        try:
            if self.style == "asgi":
                await self.run_asgi(call)
            else:
                await self.run_event(call)
        except SystemExit as error:
            self.exit(exit_code(error))
        except CancelledError as error:
            if call.cancel_reason is None:
                self.fail(call, error)
            else:
                self.fail(call, Cancelled("cancelled (%s)" % call.cancel_reason))
        except BaseException as error:
            self.fail(call, error)
        finally:
            if self.draining:
                self.check_drained()

    async def run_event(self, call):
        event, context = self.event_of(call), Context(call, self.settings)
        if self.handlers_async or self.settings.concurrency == 1:
            result = self.handler(event, context)
        else:
            result = await self.in_thread(self.handler, event, context)
        if is_awaitable(result):
            result = await result
        rest = self.answer(call, result)
        if rest is not None:
            await self.send_rest_async(call, *rest)

    def in_thread(self, function, *arguments):
        if self.executor is None:
            import concurrent.futures

            self.executor = concurrent.futures.ThreadPoolExecutor(self.settings.concurrency, "hearth")
        return self.loop.run_in_executor(self.executor, contextvars.copy_context().run, function, *arguments)

    async def run_batch_async(self, batch):
        started = cpu_seconds()
        for call in batch.calls:
            call.cpu_started = started
        try:
            live, events, context = self.batch_arguments(batch)
            results = []
            if live:
                results = self.batch_handler(events, context)
                if is_awaitable(results):
                    results = await results
            rests = self.answer_batch(live, results)
            if rests:
                from asyncio import gather

                await gather(*(self.send_rest_of_item(call, rest) for call, rest in rests))
        except SystemExit as error:
            self.exit(exit_code(error))
        except BaseException as error:
            for call in batch.calls:
                self.fail(call, error)
        finally:
            if self.draining:
                self.check_drained()

    async def send_rest_of_item(self, call, rest):
        """Never raises, so that items of a batch do not end each other."""
        token = current_call.set(call)
        try:
            await self.send_rest_async(call, *rest)
        except Exception as error:
            self.fail(call, error)
        finally:
            current_call.reset(token)

    async def send_rest_async(self, call, stream, large):
        if stream is not None:
            await self.stream_async(call, *stream)
            return
        self.begin_large(call, *large)
        await self.send_body_async(call, large[3])
        self.send_end(call)

    async def change(self, call):
        """Waits for the next body, WINDOW or CANCEL of this call."""
        waiter = self.loop.create_future()
        if call.waiters is None:
            call.waiters = []
        call.waiters.append(waiter)
        await waiter

    async def send_body_async(self, call, data):
        view = memoryview(data)
        while view:
            view = self.next_chunk(call, view)
            while view and call.credit <= 0 and call.cancel_reason is None:
                await self.change(call)
            if call.cancel_reason is not None:
                raise Cancelled("cancelled (%s) while the response was being sent" % call.cancel_reason)

    async def stream_async(self, call, head, chunks):
        source = chunks
        if not hasattr(type(chunks), "__anext__"):
            chunks = as_async(chunks)
        try:
            if head is None:
                first = await anext_or(chunks, b"")
                *head, is_head = stream_head(first)
            else:
                is_head = True
            self.send_head(call, *head)
            if not is_head:
                await self.send_body_async(call, stream_chunk(first))
            async for chunk in chunks:
                await self.send_body_async(call, stream_chunk(chunk))
            self.send_end(call)
        finally:
            await aclose(chunks)
            close = getattr(source, "close", None)
            if close is not None:
                close()

    async def run_asgi(self, call):
        meta = call.meta if call.meta["kind"] == "http" else request_of_event(call)
        response = AsgiResponse(self, call)
        state = self.lifespan.state if self.lifespan is not None else None
        scope = asgi_scope(meta, call, self.settings, state)
        await self.handler(scope, response.receive, response.send)
        if call.over:
            return
        if not response.started:
            raise RuntimeError("the ASGI application returned without a response")
        if not call.head_sent:
            self.send_head(call, *response.started)
        self.send_end(call)


def exit_code(error):
    if error.code is None:
        return 0
    return error.code & 0xFF if isinstance(error.code, int) else 1


async def anext_or(chunks, default):
    try:
        return await chunks.__anext__()
    except StopAsyncIteration:
        return default


async def aclose(chunks):
    """Ends an asynchronous iterator, if it can be told so."""
    close = getattr(chunks, "aclose", None)
    if close is not None:
        await close()


async def as_async(chunks):
    import asyncio

    for chunk in chunks:
        yield chunk
        await asyncio.sleep(0)


# --- ASGI and WSGI ---------------------------------------------------------------------------------------------------


class Lifespan:
    """ASGI's lifespan protocol; applications that do not know it are left alone."""

    def __init__(self, app):
        import asyncio

        self.app = app
        self.state = {}
        self.events = asyncio.Queue() if sys.version_info >= (3, 10) else None
        self.started = None
        self.stopped = None
        self.task = None

    async def startup(self):
        import asyncio

        loop = asyncio.get_running_loop()
        if self.events is None:
            self.events = asyncio.Queue()
        self.started, self.stopped = loop.create_future(), loop.create_future()
        self.task = loop.create_task(self.serve())
        await self.events.put({"type": "lifespan.startup"})
        failure = await self.started
        if failure is not None:
            raise InitFailed("the application's startup failed: " + failure)

    async def serve(self):
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self.app(scope, self.events.get, self.send)
        except Exception:
            pass  # the specification: an exception means that lifespan is not supported
        finally:
            for future in (self.started, self.stopped):
                if not future.done():
                    future.set_result(None)

    async def send(self, message):
        kind = message["type"]
        if kind.startswith("lifespan.startup.") and not self.started.done():
            self.started.set_result(message.get("message", "") or "no reason given" if kind.endswith("failed") else None)
        elif kind.startswith("lifespan.shutdown.") and not self.stopped.done():
            self.stopped.set_result(None)

    async def shutdown(self):
        if self.task is None or self.task.done():
            return
        import asyncio

        await self.events.put({"type": "lifespan.shutdown"})
        await asyncio.wait({self.stopped}, timeout=5)
        self.task.cancel()


def host_and_port(meta):
    """The name or address that was asked for, and the port in it as text, empty where there is none; `[::1]:80` is an address too."""
    host = meta.get("host", "")
    name, colon, port = host.rpartition(":")
    return (name, port) if colon and port.isdigit() else (host, "")


def mount_path(meta):
    """Where the function is mounted: what the gateway took off the path before the function sees it (`/name`), else empty."""
    for name, value in pairs(meta["headers"]):
        if name.lower() == "x-forwarded-prefix":
            return value
    return ""


def parameters_of(query):
    """As urllib.parse.parse_qsl with blank values, which imports re to take apart what most queries do not have."""
    if "%" not in query and "+" not in query:
        return [piece.partition("=")[::2] for piece in query.split("&") if piece]
    from urllib.parse import parse_qsl

    return parse_qsl(query, keep_blank_values=True)


def unquoted(path):
    """The bytes that a path stands for."""
    if "%" not in path:
        return path.encode("utf-8")
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(path)


def asgi_scope(meta, call, settings, state):
    """ASGI's HTTP scope. As in the specification, `path` contains `root_path`, so that absolute URLs lead back here."""
    path, _, query = meta["target"].partition("?")
    root_path = mount_path(meta)
    path = root_path + path
    host, port = host_and_port(meta)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": meta["method"],
        "scheme": meta.get("scheme", "http"),
        "path": unquoted(path).decode("utf-8", "replace"),
        "raw_path": path.encode("latin-1", "replace"),
        "query_string": query.encode("latin-1", "replace"),
        "root_path": root_path,
        "headers": [(n.lower().encode("latin-1"), v.encode("latin-1", "replace")) for n, v in pairs(meta["headers"])],
        "client": (meta.get("clientAddress", ""), 0),
        "server": (host, int(port) if port else 443 if meta.get("scheme") == "https" else 80),
        "extensions": {"hearth": {"context": Context(call, settings)}},
    }
    if state is not None:
        scope["state"] = state.copy()
    return scope


class AsgiResponse:
    """The receive and send of one ASGI call."""

    def __init__(self, agent, call):
        self.agent = agent
        self.call = call
        self.started = None
        self.request_over = False

    async def receive(self):
        call, agent = self.call, self.agent
        if not self.request_over:
            while not call.chunks and not call.body_whole and call.cancel_reason is None:
                await agent.change(call)
            if call.cancel_reason is None:
                data = call.body()
                call.chunks = []
                self.request_over = call.body_whole
                agent.grant(call, len(data))
                return {"type": "http.request", "body": data, "more_body": not call.body_whole}
        while call.cancel_reason is None and not call.over:
            await agent.change(call)
        return {"type": "http.disconnect"}

    async def send(self, message):
        call, agent = self.call, self.agent
        kind = message["type"]
        if call.over:
            return
        if kind == "http.response.start":
            if self.started is not None:
                raise RuntimeError("the ASGI application sent http.response.start twice")
            headers = []
            for name, value in message.get("headers") or ():
                headers += (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
            self.started = checked_head(message["status"], headers)
            return
        if kind != "http.response.body":
            raise RuntimeError("the ASGI application sent an unknown message %r" % kind)
        if self.started is None:
            raise RuntimeError("the ASGI application sent a body before http.response.start")
        body, more = message.get("body") or b"", message.get("more_body", False)
        if not more and not call.head_sent and len(body) <= call.credit:
            agent.send_whole(call, self.started[0], encode_json(self.started[1]), "false", bytes(body))
            agent.notify(call)
            return
        if not call.head_sent:
            agent.send_head(call, *self.started)
        await agent.send_body_async(call, body)
        if not more:
            agent.send_end(call)
            agent.notify(call)


def wsgi_environ(meta, call, settings):
    path, _, query = meta["target"].partition("?")
    host, port = host_and_port(meta)
    scheme = meta.get("scheme", "http")
    environ = {
        "REQUEST_METHOD": meta["method"],
        "SCRIPT_NAME": mount_path(meta),
        "PATH_INFO": unquoted(path).decode("latin-1"),
        "RAW_URI": meta["target"],
        "QUERY_STRING": query,
        "SERVER_NAME": host or "hearth",
        "SERVER_PORT": port or ("443" if scheme == "https" else "80"),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": meta.get("clientAddress", ""),
        "CONTENT_LENGTH": str(call.body_bytes),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(call.body()),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": settings.concurrency > 1,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "hearth.context": Context(call, settings),
    }
    for name, value in pairs(meta["headers"]):
        # A header with an underscore would be taken for the one with a hyphen; `Proxy` would become HTTP_PROXY.
        if "_" in name or name.lower() == "proxy":
            continue
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ[key] = value
        elif key != "CONTENT_LENGTH":
            key = "HTTP_" + key
            separator = "; " if key == "HTTP_COOKIE" else ","
            environ[key] = environ[key] + separator + value if key in environ else value
    return environ


def main():
    sys.dont_write_bytecode = True
    channel = Channel(os.environ.pop("HEARTH_CHANNEL", ""), os.environ.pop("HEARTH_CHANNEL_KEY", None))
    # Where nothing is mounted (isolation level unsandboxed) the driver says where the code really is.
    code_directory = os.environ.pop("HEARTH_CODE_DIRECTORY", None)
    # Before HELLO, so that a sandbox that counts as waiting has them.
    if os.environ.pop("HEARTH_WAITS", "") != "":
        import_later()
    preload(filter(None, os.environ.pop("HEARTH_PRELOAD", "").split(",")))
    try:
        Agent(channel, code_directory).run()
    except ChannelClosed:
        os._exit(0)


if __name__ == "__main__":
    main()
