# File names are bytes here, as on the wire; pathlib knows only text.
# ruff: noqa: PTH101, PTH109, PTH115, PTH116, PTH118
"""An SFTP server, version 3, on two file descriptors. It runs as the sandbox's user, so the kernel decides what it may
do.

The protocol is draft-ietf-secsh-filexfer-02, which is what OpenSSH's sftp and scp speak, with OpenSSH's own extensions
that they use (its PROTOCOL file). A server inside the cloud's process would touch files with the cloud's rights.
"""

import errno
import os
import stat
import struct
from collections.abc import Callable
from typing import Any

from localcloud.sandboxes.wire import Reader, attributes_of, long_name, pack, text

VERSION = 3
LARGEST_READ = 256 * 1024

INIT, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT = 1, 3, 4, 5, 6, 7, 8, 9, 10
OPENDIR, READDIR, REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME, READLINK, SYMLINK = (
    11,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
    20,
)
EXTENDED = 200
STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED_REPLY = 101, 102, 103, 104, 105, 201

OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE, UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8

_CODES = {errno.ENOENT: NO_SUCH_FILE, errno.ENOTDIR: NO_SUCH_FILE, errno.EACCES: PERMISSION_DENIED}
_CODES |= {errno.EPERM: PERMISSION_DENIED, errno.EBADF: FAILURE, errno.EROFS: PERMISSION_DENIED}

_EXTENSIONS = {
    b"posix-rename@openssh.com": b"1",
    b"statvfs@openssh.com": b"2",
    b"fstatvfs@openssh.com": b"2",
    b"hardlink@openssh.com": b"1",
    b"fsync@openssh.com": b"1",
    b"lsetstat@openssh.com": b"1",
    b"limits@openssh.com": b"1",
    b"expand-path@openssh.com": b"1",
}

Reply = bytes


class Status(Exception):
    """An answer that is a status and nothing else."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code


def serve(source: int, target: int) -> int:
    """Serve until the client closes; return the exit status, which becomes scp's own."""
    server = Server()
    with os.fdopen(source, "rb", buffering=LARGEST_READ) as requests:
        while True:
            head = requests.read(4)
            if len(head) < 4:
                return 0
            (length,) = struct.unpack(">I", head)
            if not 1 <= length <= 4 * LARGEST_READ:
                return 1
            _write(target, server.answer(requests.read(length)))


def _write(target: int, reply: Reply) -> None:
    view = memoryview(struct.pack(">I", len(reply)) + reply)
    while view:
        view = view[os.write(target, view) :]


class Server:
    def __init__(self) -> None:
        self.files: dict[bytes, int] = {}
        self.folders: dict[bytes, Any] = {}
        self.appending: set[bytes] = set()
        self.handles = 0
        self.actions: dict[int, Callable[[Reader], Reply]] = {
            OPEN: self.open,
            CLOSE: self.close,
            READ: self.read,
            WRITE: self.write,
            LSTAT: lambda r: pack(ATTRS) + attributes_of(os.lstat(r.path())),
            STAT: lambda r: pack(ATTRS) + attributes_of(os.stat(r.path())),
            FSTAT: lambda r: pack(ATTRS) + attributes_of(os.fstat(self.file(r))),
            SETSTAT: lambda r: self.set_attributes(r.path(), r),
            FSETSTAT: lambda r: self.set_attributes(self.file(r), r),
            OPENDIR: self.open_folder,
            READDIR: self.read_folder,
            REMOVE: lambda r: _do(os.unlink, r.path()),
            MKDIR: self.make_folder,
            RMDIR: lambda r: _do(os.rmdir, r.path()),
            REALPATH: lambda r: self.name(os.path.realpath(r.path() or b".")),
            RENAME: self.rename,
            READLINK: lambda r: self.name(os.readlink(r.path())),
            # target first: OpenSSH swapped the two arguments in its first version, and everyone followed
            SYMLINK: lambda r: _do(os.symlink, r.path(), r.path()),
            EXTENDED: self.extended,
        }

    def answer(self, request: bytes) -> Reply:
        reader = Reader(request)
        kind = reader.byte()
        if kind == INIT:
            extensions = b"".join(text(name) + text(value) for name, value in _EXTENSIONS.items())
            return struct.pack(">BI", 2, VERSION) + extensions
        number = reader.number()
        try:
            action = self.actions.get(kind)
            if action is None:
                raise Status(UNSUPPORTED, "unknown request")
            reply = action(reader)
        except Status as status:
            reply = _status(status.code, str(status))
        except OSError as error:
            reply = _status(_CODES.get(error.errno or 0, FAILURE), error.strerror or "failure")
        except (struct.error, ValueError, OverflowError):
            reply = _status(BAD_MESSAGE, "bad message")
        return reply[:1] + struct.pack(">I", number) + reply[1:]

    # -- files -----------------------------------------------------------------------------------------------------

    def open(self, reader: Reader) -> Reply:
        path, flags, attributes = reader.path(), reader.number(), reader.attributes()
        reading, writing = bool(flags & 1), bool(flags & 2)
        mode = os.O_RDWR if reading and writing else os.O_WRONLY if writing else os.O_RDONLY
        for bit, value in ((4, os.O_APPEND), (8, os.O_CREAT), (16, os.O_TRUNC), (32, os.O_EXCL)):
            if flags & bit:
                mode |= value
        permissions = attributes.get("mode", 0o666) & 0o7777
        handle = self.new_handle()
        self.files[handle] = os.open(path, mode | os.O_CLOEXEC, permissions)
        if flags & 4:
            self.appending.add(handle)
        return pack(HANDLE) + text(handle)

    def close(self, reader: Reader) -> Reply:
        handle = reader.string()
        self.appending.discard(handle)
        if handle in self.files:
            return _do(os.close, self.files.pop(handle))
        if handle in self.folders:
            return _do(self.folders.pop(handle)[0].close)
        raise Status(FAILURE, "no such handle")

    def read(self, reader: Reader) -> Reply:
        descriptor, offset, length = self.file(reader), reader.long(), reader.number()
        data = os.pread(descriptor, min(length, LARGEST_READ), offset)
        if not data:
            raise Status(EOF, "end of file")
        return pack(DATA) + text(data)

    def write(self, reader: Reader) -> Reply:
        handle = reader.string()
        descriptor, offset, data = self.descriptor(handle), reader.long(), memoryview(reader.string())
        while data:
            wrote = os.write(descriptor, data) if handle in self.appending else os.pwrite(descriptor, data, offset)
            data, offset = data[wrote:], offset + wrote
        return _status(OK)

    def file(self, reader: Reader) -> int:
        return self.descriptor(reader.string())

    def descriptor(self, handle: bytes) -> int:
        try:
            return self.files[handle]
        except KeyError:
            raise Status(FAILURE, "no such handle") from None

    def new_handle(self) -> bytes:
        self.handles += 1
        return str(self.handles).encode()

    def set_attributes(self, target: bytes | int, reader: Reader, follow: bool = True) -> Reply:
        wanted = reader.attributes()
        if "size" in wanted:
            os.truncate(target, wanted["size"])
        if "mode" in wanted and follow:  # Linux has no permissions on links
            os.chmod(target, wanted["mode"] & 0o7777)
        if "atime" in wanted:
            os.utime(target, (wanted["atime"], wanted["mtime"]), follow_symlinks=follow)
        if "uid" in wanted:
            os.chown(target, wanted["uid"], wanted["gid"], follow_symlinks=follow)
        return _status(OK)

    # -- folders and names -----------------------------------------------------------------------------------------

    def open_folder(self, reader: Reader) -> Reply:
        path = reader.path() or b"."
        handle = self.new_handle()
        self.folders[handle] = [os.scandir(path), path, True]
        return pack(HANDLE) + text(handle)

    def read_folder(self, reader: Reader) -> Reply:
        """Return a hundred names at a time; "." and ".." come first, as clients expect from a directory."""
        folder = self.folders.get(reader.string())
        if folder is None:
            raise Status(FAILURE, "no such handle")
        entries, path, first = folder
        names = [b".", b".."] if first else []
        folder[2] = False
        for entry in entries:
            names.append(entry.name)
            if len(names) >= 100:
                break
        if not names:
            raise Status(EOF, "no more names")
        lines = [(name, _lstat(os.path.join(path, name))) for name in names]
        body = b"".join(text(name) + text(long_name(name, found)) + attributes_of(found) for name, found in lines)
        return pack(NAME) + struct.pack(">I", len(lines)) + body

    def make_folder(self, reader: Reader) -> Reply:
        path, attributes = reader.path(), reader.attributes()
        return _do(os.mkdir, path, attributes.get("mode", 0o777) & 0o7777)

    def rename(self, reader: Reader) -> Reply:
        """Rename, but refuse to replace, as the draft says; OpenSSH's clients use posix-rename instead."""
        old, new = reader.path(), reader.path()
        if os.path.lexists(new):
            raise Status(FAILURE, "the target exists")
        return _do(os.rename, old, new)

    def name(self, path: bytes) -> Reply:
        return pack(NAME) + struct.pack(">I", 1) + text(path) + text(path) + struct.pack(">I", 0)

    def extended(self, reader: Reader) -> Reply:
        match reader.string():
            case b"posix-rename@openssh.com":
                return _do(os.replace, reader.path(), reader.path())
            case b"hardlink@openssh.com":
                return _do(os.link, reader.path(), reader.path())
            case b"fsync@openssh.com":
                return _do(os.fsync, self.file(reader))
            case b"lsetstat@openssh.com":
                return self.set_attributes(reader.path(), reader, follow=False)
            case b"statvfs@openssh.com":
                return _filesystem(os.statvfs(reader.path()))
            case b"fstatvfs@openssh.com":
                return _filesystem(os.statvfs(self.file(reader)))
            case b"expand-path@openssh.com":
                path = reader.path()
                home = os.fsencode(os.getcwd())
                return self.name(os.path.realpath(home + path[1:] if path[:1] == b"~" else path or b"."))
            case b"limits@openssh.com":
                return pack(EXTENDED_REPLY) + struct.pack(">QQQQ", 4 * LARGEST_READ, LARGEST_READ, LARGEST_READ, 1000)
        raise Status(UNSUPPORTED, "unknown extension")


def _lstat(path: bytes) -> os.stat_result:
    try:
        return os.lstat(path)
    except OSError:  # gone since the directory was read
        return os.stat_result((stat.S_IFREG, 0, 0, 1, 0, 0, 0, 0, 0, 0))


def _status(code: int, message: str = "") -> Reply:
    return pack(STATUS) + struct.pack(">I", code) + text(message.encode()) + text(b"en")


def _do(action: Callable[..., object], *arguments: Any) -> Reply:
    action(*arguments)
    return _status(OK)


def _filesystem(found: os.statvfs_result) -> Reply:
    read_only = 1 if found.f_flag & os.ST_RDONLY else 0
    numbers = [found.f_bsize, found.f_frsize, found.f_blocks, found.f_bfree, found.f_bavail]
    numbers += [found.f_files, found.f_ffree, found.f_favail, 0, read_only, found.f_namemax]
    return pack(EXTENDED_REPLY) + struct.pack(">11Q", *numbers)
