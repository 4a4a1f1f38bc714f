"""SFTP's numbers, strings and file attributes, as bytes."""

import os
import stat
import struct
import time

SIZE, OWNER, PERMISSIONS, TIMES, EXTENDED = 1, 2, 4, 8, 0x80000000


def pack(kind: int) -> bytes:
    return bytes([kind])


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


class Reader:
    """Takes a request apart from front to back. Raises struct.error or ValueError where it is too short."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def _take(self, form: str, size: int) -> int:
        (value,) = struct.unpack_from(form, self.data, self.position)
        self.position += size
        return int(value)

    def byte(self) -> int:
        return self._take(">B", 1)

    def number(self) -> int:
        return self._take(">I", 4)

    def long(self) -> int:
        return self._take(">Q", 8)

    def string(self) -> bytes:
        length = self.number()
        value = self.data[self.position : self.position + length]
        if len(value) != length:
            raise ValueError("a string is cut off")
        self.position += length
        return value

    def path(self) -> bytes:
        """Return a path. Relative paths mean the home folder, which is the server's working directory."""
        path = self.string()
        if b"\0" in path:
            raise ValueError("a path with a zero byte")
        return path

    def attributes(self) -> dict[str, int]:
        flags, found = self.number(), {}
        if flags & SIZE:
            found["size"] = self.long()
        if flags & OWNER:
            found["uid"], found["gid"] = self.number(), self.number()
        if flags & PERMISSIONS:
            found["mode"] = self.number()
        if flags & TIMES:
            found["atime"], found["mtime"] = self.number(), self.number()
        if flags & EXTENDED:
            for _ in range(self.number()):
                self.string(), self.string()
        return found


def attributes_of(found: os.stat_result) -> bytes:
    flags = SIZE | OWNER | PERMISSIONS | TIMES
    times = (int(found.st_atime) & 0xFFFFFFFF, int(found.st_mtime) & 0xFFFFFFFF)
    return struct.pack(">IQIIIII", flags, found.st_size, found.st_uid, found.st_gid, found.st_mode, *times)


def long_name(name: bytes, found: os.stat_result) -> bytes:
    """Return the line that `ls -l` in sftp shows; the draft leaves its form open, clients show it as it is."""
    when = time.strftime("%b %d %H:%M", time.localtime(found.st_mtime))
    owner = f"{found.st_uid:<8} {found.st_gid:<8}"
    return f"{stat.filemode(found.st_mode)} {found.st_nlink:>3} {owner} {found.st_size:>8} {when} ".encode() + name
