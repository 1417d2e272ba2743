"""Runs the hearth binary in a clean environment, and unittest suites in the manner that tools/check.py reads.

The binary's path is the first argument of every suite. Real model files come from $HEARTH_TEST_DATA, else from
../shared/data beside the checkout; tests that need them are skipped where the folder is absent.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = str(Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else ""
DATA = Path(os.environ.get("HEARTH_TEST_DATA", ROOT.parent / "shared" / "data"))
STORIES = DATA / "models" / "stories260K"
GOLDEN_MODELS = ROOT / "tests" / "golden" / "models"

needs_stories = unittest.skipUnless(STORIES.is_dir(), "the folder of shared test data is absent")


def stories(kind="F32"):
    return str(STORIES / f"stories260K-{kind}.gguf")


def clean_environment(home, **extra):
    """No HEARTH_* variable and no config file of the person who runs the tests."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("HEARTH_", "XDG_"))}
    environment.update(HOME=str(home), LC_ALL="C.UTF-8", NO_COLOR="1", **extra)
    return environment


class Case(unittest.TestCase):
    """A test with a home folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)

    def hearth(self, *arguments, stdin="", code=0, env=None):
        """Runs the binary; fails unless it exits with `code`. Output comes back as text."""
        run = subprocess.run([BINARY, *map(str, arguments)], input=stdin.encode(), capture_output=True, timeout=300,
                             env=clean_environment(self.home, **(env or {})))
        run.stdout, run.stderr = run.stdout.decode(), run.stderr.decode()
        self.assertEqual(run.returncode, code, f"hearth {' '.join(map(str, arguments))}\n{run.stdout}{run.stderr}")
        return run

    def refused(self, *arguments, code, sentence, **more):
        """The binary fails with this exit code and exactly this sentence, and prints no answer."""
        run = self.hearth(*arguments, code=code, **more)
        self.assertEqual(run.stdout, "")
        self.assertEqual(run.stderr, f"hearth: {sentence}\n")

    def write(self, name, content):
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)


def read_logits(path):
    """The one tensor of a file of `hearth eval logits`, as rows."""
    content = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8:8 + length])["logits"]
    assert header["dtype"] == "F32" and header["data_offsets"] == [0, len(content) - 8 - length]
    rows, columns = header["shape"]
    values = struct.unpack(f"<{rows * columns}f", content[8 + length:])
    return [values[i * columns:(i + 1) * columns] for i in range(rows)]


def main():
    """Runs the tests of the calling suite and prints what check.py sums."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    for test, reason in result.skipped:
        print(f"SKIPPED {test.id()}: {reason}")
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    return 1 if failed else 0
