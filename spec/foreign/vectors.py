"""Reads spec/vectors/*.hex (wire.md 9.1). Used by the two Python checks."""
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "vectors"


class Vector:
    def __init__(self, path):
        self.name, self.keys, digits = path.stem, {}, []
        for line in path.read_text().splitlines():
            if not line.startswith("#"):
                digits.append(line)
            elif "=" in line:
                key, value = line[1:].split("=", 1)
                self.keys[key.strip()] = value.strip()
        self.bytes = bytes.fromhex("".join(digits))

    def hex(self, key):
        return bytes.fromhex(self.keys[key])


def read(folder=None):
    found = [Vector(p) for p in sorted(pathlib.Path(folder or FOLDER).glob("*.hex"))]
    if not found:
        raise SystemExit("no vectors")
    return found
