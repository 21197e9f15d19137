"""Prints, as JSON, what a tree's files are: mode, owner, device, time, attributes, content, and who shares an inode."""

import base64
import hashlib
import json
import os
import stat
import sys


def name(path):
    return base64.b64encode(os.fsencode(path)).decode()


def content(path, mode):
    if stat.S_ISLNK(mode):
        return name(os.readlink(path))
    if stat.S_ISREG(mode):
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()
    return ""


def describe(path, seconds):
    status = os.lstat(path)
    attributes = {
        key: base64.b64encode(os.getxattr(path, key, follow_symlinks=False)).decode()
        for key in os.listxattr(path, follow_symlinks=False)
    }
    directory = stat.S_ISDIR(status.st_mode)
    time = status.st_mtime_ns // (1_000_000_000 if seconds else 1)
    return [
        oct(status.st_mode), status.st_uid, status.st_gid, status.st_rdev, time, attributes,
        content(path, status.st_mode), 0 if directory else status.st_size,
    ], None if directory or status.st_nlink == 1 else status.st_ino


def main(root, seconds):
    files = {}
    shared = {}
    for folder, folders, others in os.walk(os.fsencode(root)):
        for entry in folders + others + ([b"."] if folder == os.fsencode(root) else []):
            path = os.path.join(folder, entry)
            relative = os.path.relpath(path, os.fsencode(root)).decode("utf-8", "backslashreplace")
            files[relative], inode = describe(path, seconds)
            if inode is not None:
                shared.setdefault(inode, []).append(relative)
    json.dump({"files": files, "links": sorted(sorted(names) for names in shared.values())}, sys.stdout)


main(sys.argv[1], len(sys.argv) > 2)
