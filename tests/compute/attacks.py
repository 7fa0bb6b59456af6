"""What a hostile function may try against its neighbours and its platform, in each language."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from cloudlet.compute import jvm

RUNTIMES = {"python": "python3.11", "node": "nodejs20.x", "java": "java17"}
_QUIET = {
    "python": "def handler(event, context):\n    return event\n",
    "node": "exports.handler = async (event) => event;\n",
}
_PYTHON = """
import os, threading, time
TMP = os.environ.get('TMPDIR', '/tmp')

def kill(pid):
    try: os.kill(pid, 9)
    except OSError: pass

def handler(event, context):
    time.sleep(0.05)
"""
_NODE = """
const fs = require('fs'), cp = require('child_process');
const TMP = process.env.TMPDIR || '/tmp';
const tried = (work) => { try { work(); } catch {} };
exports.handler = async () => {
"""
_JAVA = """
import java.io.*;
import java.lang.reflect.Field;
import java.util.*;

public class Chaos {
    static final String TMP = System.getenv().getOrDefault("TMPDIR", "/tmp");
    static final sun.misc.Unsafe UNSAFE = unsafe();

    static sun.misc.Unsafe unsafe() {
        try {
            Field field = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
            field.setAccessible(true);
            return (sun.misc.Unsafe) field.get(null);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    static FileOutputStream descriptor(int number) throws Exception {
        FileDescriptor descriptor = new FileDescriptor();
        long at = UNSAFE.objectFieldOffset(FileDescriptor.class.getDeclaredField("fd"));
        UNSAFE.putInt(descriptor, at, number);
        return new FileOutputStream(descriptor);
    }

    static void shell(String command) throws Exception {
        new ProcessBuilder("/bin/sh", "-c", command).start();
    }

    public Object quiet(Object event) { return event; }
"""
ATTACKS = {
    "python": {
        "fork bomb": "while True:\n  try: os.fork()\n  except OSError: pass",
        "full tmp": "f = open(TMP + '/x', 'wb')\nwhile True: f.write(bytes(1 << 20))",
        "full stdout": "while True: os.write(1, b'y' * 60000)",
        "short lines": "while True: os.write(1, b'y\\n' * 30000)",
        "20 GB": "a = b'x' * (20 << 30)",
        "many pages": "a = []\nwhile True: a.append(b'x' * (1 << 24))",
        "threads": "while True:\n  try: threading.Thread(target=time.sleep, args=(99,)).start()\n"
                   "  except RuntimeError: pass",
        "close all": "os.closerange(0, 1024)",
        "close channel": "os.close(3); os.close(4)",
        "kill parents": "[kill(pid) for pid in (os.getppid() or 1, 1, -1)]",
        "garbage": "os.write(4, os.urandom(100000))",
        "false frames": "while True: os.write(4, b'\\x05\\0\\0\\0R{{}}' * 100)",
        "endless frame": "os.write(4, b'\\xff\\xff\\x0f\\0R')\n"
                         "while True: os.write(4, b'x' * 60000)",
    },
    "node": {
        "fork bomb": "for (;;) { tried(() => cp.spawn('/bin/sh', ['-c', 'b() { b | b & }; b']));"
                     " await null; }",
        "full tmp": "for (;;) fs.appendFileSync(TMP + '/x', Buffer.alloc(1 << 20));",
        "full stdout": "for (;;) tried(() => fs.writeSync(1, 'y'.repeat(60000)));",
        "short lines": "for (;;) tried(() => fs.writeSync(1, 'y\\n'.repeat(30000)));",
        "20 GB": "const a = []; for (let i = 0; i < 80; i++) a.push(Buffer.alloc(1 << 28, 1));",
        "threads": "const w = require('worker_threads');"
                   " for (;;) { new w.Worker('for (;;);', {eval: true}); await null; }",
        "close all": "for (let i = 0; i < 1024; i++) tried(() => fs.closeSync(i));",
        "close channel": "fs.closeSync(3); fs.closeSync(4);",
        "kill parents": "for (const p of [process.ppid || 1, 1, -1])"
                        " tried(() => process.kill(p, 9));",
        "garbage": "fs.writeSync(4, require('crypto').randomBytes(100000));",
        "false frames": "for (;;) fs.writeSync(4, '\\x05\\0\\0\\0R{{}}'.repeat(100));",
        "endless frame": "fs.writeSync(4, Buffer.from([255, 255, 15, 0, 82]));"
                         " for (;;) fs.writeSync(4, 'x'.repeat(60000));",
    },
    "java": {
        "fork bomb": "for (;;) try { shell(\"b() { b | b & }; b\"); } catch (IOException e) { }",
        "full tmp": "try (FileOutputStream out = new FileOutputStream(TMP + \"/x\"))"
                    " { for (;;) out.write(new byte[1 << 20]); }",
        "full stdout": "byte[] y = new byte[60000]; Arrays.fill(y, (byte) 'y');"
                       " for (OutputStream out = descriptor(1);;) out.write(y);",
        "short lines": "byte[] y = new byte[60000]; Arrays.fill(y, (byte) 'y');"
                       " for (int i = 0; i < y.length; i += 2) y[i] = '\\n';"
                       " for (OutputStream out = descriptor(1);;) out.write(y);",
        "20 GB": "for (int i = 0; i < 80; i++)"
                 " UNSAFE.setMemory(UNSAFE.allocateMemory(1 << 28), 1 << 28, (byte) 1);"
                 " return null;",
        "many pages": "List<byte[]> a = new ArrayList<>(); for (;;) a.add(new byte[1 << 20]);",
        "threads": "for (;;) new Thread(() -> { for (;;); }).start();",
        "close all": "for (int i = 0; i < 1024; i++)"
                     " try { descriptor(i).close(); } catch (IOException e) { } return null;",
        "close channel": "descriptor(3).close(); descriptor(4).close(); return null;",
        "kill parents": "shell(\"kill -9 $(cut -d ' ' -f 4 /proc/$PPID/stat) 1 $PPID -1\");"
                        " Thread.sleep(200); return null;",
        "garbage": "byte[] junk = new byte[100000]; new Random().nextBytes(junk);"
                   " descriptor(4).write(junk); return null;",
        "false frames": "for (OutputStream out = descriptor(4);;)"
                        " out.write(\"\\5\\0\\0\\0R{{}}\".getBytes());",
        "endless frame": "OutputStream out = descriptor(4);"
                         " out.write(new byte[] {-1, -1, 15, 0, 82});"
                         " for (;;) out.write(new byte[60000]);",
    },
}  # fmt: skip


def install(family: str, folder: Path) -> dict[str, tuple[str, Path]]:
    """Write the functions; (handler, code) of each attack, and of "quiet", which echoes."""
    if family == "java":
        return _compiled(folder)
    found = {}
    for name, source in {"quiet": "", **ATTACKS[family]}.items():
        code = folder / name.replace(" ", "-")
        code.mkdir(parents=True)
        if name == "quiet":
            text = _QUIET[family]
        elif family == "python":
            text = _PYTHON + "".join(f"    {line}\n" for line in source.split("\n"))
        else:
            text = f"{_NODE}{source}\n}};\n"
        (code / ("app.py" if family == "python" else "app.js")).write_text(text)
        found[name] = "app.handler", code
    return found


def _compiled(folder: Path) -> dict[str, tuple[str, Path]]:
    methods = {name: name.replace(" ", "_").replace("2", "two") for name in ATTACKS["java"]}
    text = _JAVA
    for name, method in methods.items():
        text += f"    public Object {method}() throws Exception {{\n"
        text += f"        {ATTACKS['java'][name]}\n    }}\n"
    folder.mkdir(parents=True)
    source = folder / "Chaos.java"
    source.write_text(text + "}\n")
    javac = shutil.which("javac")
    assert javac is not None, "no javac"
    command = [javac, "-nowarn", "-cp", str(jvm.BOOTSTRAP), "-d", str(folder / "out"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {
        name: (f"Chaos::{method}", folder / "out")
        for name, method in {"quiet": "quiet", **methods}.items()
    }
