"""The probes of redteam.py as Node.js and Java can express them; what only a system call can do
is tried by the tools of the machine, as children of the function.

Prints what the function could do, as JSON. Run by test_probes.py as a process of its own:

    probes.py node|java namespaces|plain
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.compute.attacks import RUNTIMES
from tests.compute.chaos import Silent, no_credentials

from cloudlet.compute import jvm
from cloudlet.compute.environment import EnvironmentSpec, Invocation
from cloudlet.compute.pool import Compute

# A shell's, with $SERVER; each must fail.
COMMANDS = {
    "mount": "mount -t tmpfs x /tmp",
    "umount": "umount -l /tmp",
    "unshare": "unshare --user true",
    "unshare mounts": "unshare --mount true",
    "chroot": "chroot / /bin/true",
    "setns": "nsenter -t 1 -m true",
    "setns of the server": "nsenter -t $SERVER -m true",
    "setuid": "setpriv --reuid 0 true",
    "kernel log": "dmesg",
}
NODE = """
const fs = require('fs'), cp = require('child_process'), os = require('os');
const attempt = (work) => {
  try { return 'done: ' + String(work()).slice(0, 200); } catch (e) { return 'refused: ' + e.code; }
};
exports.handler = async (event) => {
  const tmp = process.env.TMPDIR || '/tmp';
  const found = { uid: process.getuid() };
  for (const [name, path] of Object.entries(event.reads))
    found['read ' + name] = attempt(() => fs.readFileSync(path, 'latin1'));
  for (const [name, path] of Object.entries(event.lists))
    found['list ' + name] = attempt(() => fs.readdirSync(path).join() || fs.readFileSync('/none'));
  for (const [name, path] of Object.entries(event.writes))
    found['write ' + name] = attempt(() => fs.appendFileSync(path, 'x'));
  for (const [name, command] of Object.entries(event.commands)) {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', SERVER: String(event.server) };
    const run = cp.spawnSync('/bin/sh', ['-c', command], { env });
    found[name] = run.status === 0 ? 'done' : 'refused: ' + run.status;
  }
  found['setuid 0'] = attempt(() => process.setuid(0));
  found['signal the server'] = attempt(() => process.kill(event.server, 0));
  found['priority of the server'] = attempt(() => os.setPriority(event.server, 19));
  found.secrets = 0;
  let pids = [];
  try { pids = fs.readdirSync('/proc'); } catch {}
  for (const pid of pids) {
    try {
      const text = fs.readFileSync(`/proc/${pid}/environ`, 'latin1');
      found.secrets += text.includes(event.marker) ? 1 : 0;
    } catch {}
  }
  found.child = cp.execFileSync('/bin/echo', ['hi']).toString();
  found.tmp = attempt(() => {
    fs.writeFileSync(tmp + '/mine', 'x');
    fs.unlinkSync(tmp + '/mine');
  });
  return found;
};
"""
JAVA = """
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;

public class Probes {
    interface Work { Object run() throws Exception; }

    static String attempt(Work work) {
        try { return "done: " + work.run(); } catch (Throwable e) { return "refused: " + e; }
    }

    static String read(String path) throws Exception {
        byte[] some = new byte[4096];
        try (java.io.InputStream in = new java.io.FileInputStream(path)) {
            return new String(some, 0, Math.max(0, in.read(some)), StandardCharsets.ISO_8859_1);
        }
    }

    static String list(String path) throws Exception {
        String[] names = new java.io.File(path).list();
        if (names == null || names.length == 0) throw new java.io.IOException("nothing");
        return Arrays.toString(names);
    }

    static int shell(String command, String server) throws Exception {
        ProcessBuilder builder = new ProcessBuilder("/bin/sh", "-c", command);
        builder.environment().put("SERVER", server);
        builder.environment().put("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        builder.redirectErrorStream(true);
        Process process = builder.start();
        process.getInputStream().readAllBytes();
        return process.waitFor();
    }

    @SuppressWarnings("unchecked")
    public Map<String, Object> handle(Map<String, Object> event) throws Exception {
        Map<String, Object> found = new LinkedHashMap<>();
        Map<String, String> reads = (Map<String, String>) event.get("reads");
        Map<String, String> lists = (Map<String, String>) event.get("lists");
        Map<String, String> writes = (Map<String, String>) event.get("writes");
        Map<String, String> commands = (Map<String, String>) event.get("commands");
        String server = String.valueOf(((Number) event.get("server")).longValue());
        String marker = (String) event.get("marker");
        String tmp = System.getenv().getOrDefault("TMPDIR", "/tmp");
        reads.forEach((name, path) -> found.put("read " + name, attempt(() -> read(path))));
        lists.forEach((name, path) -> found.put("list " + name, attempt(() -> list(path))));
        writes.forEach((name, path) -> found.put("write " + name, attempt(() ->
            Files.write(Paths.get(path), new byte[1], StandardOpenOption.APPEND,
                StandardOpenOption.CREATE))));
        for (Map.Entry<String, String> command : commands.entrySet()) {
            int status = shell(command.getValue(), server);
            found.put(command.getKey(), status == 0 ? "done" : "refused: " + status);
        }
        int signalled = shell("kill -0 $SERVER", server);
        found.put("signal the server", signalled == 0 ? "done" : "refused: " + signalled);
        long secrets = 0;
        String[] pids = new java.io.File("/proc").list();
        for (String pid : pids == null ? new String[0] : pids) {
            try {
                if (read("/proc/" + pid + "/environ").contains(marker)) secrets++;
            } catch (java.io.IOException e) { }
        }
        found.put("secrets", secrets);
        found.put("child", shell("echo hi", server) == 0 ? "hi\\n" : "");
        found.put("tmp", attempt(() -> {
            Path mine = Paths.get(tmp, "mine");
            Files.write(mine, new byte[1]);
            Files.delete(mine);
            return "";
        }));
        return found;
    }
}
"""


def install(family: str, code: Path) -> str:
    """Write the function; its handler."""
    if family == "node":
        (code / "app.js").write_text(NODE)
        return "app.handler"
    (code / "Probes.java").write_text(JAVA)
    command = ["javac", "-nowarn", "-cp", str(jvm.BOOTSTRAP), "-d", str(code), "Probes.java"]
    subprocess.run(command, cwd=code, check=True, capture_output=True)
    return "Probes::handle"


async def main() -> None:
    family, mode = sys.argv[1:3]
    secret = os.environ["SECRET"]
    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile() as host_file:
        host_file.write(secret.encode())
        host_file.flush()
        root = Path(folder)
        root.chmod(0o755)
        for name in ("fn", "other"):
            (root / "code" / name).mkdir(parents=True)
        other = root / "code" / "other" / "app.py"
        other.write_text(secret)
        handler = install(family, root / "code" / "fn")
        compute = Compute(
            data=root / "data",
            logs=Silent(),
            code_root=root / "code",
            namespaces=mode == "namespaces",
        )
        task = "/var/task" if mode == "namespaces" else str(root / "code" / "fn")
        server = f"/proc/{os.getpid()}"
        event: dict[str, Any] = {
            "server": os.getpid(),
            "marker": secret,
            "commands": COMMANDS,
            "reads": {
                "shadow": "/etc/shadow", "other code": str(other), "host file": host_file.name,
                "memory of the server": f"{server}/mem", "its environment": f"{server}/environ",
                "its descriptors": f"{server}/fd/0",
            },
            "lists": {
                "store": "/var/lib/store", "home of root": "/root", "sys": "/sys",
                "descriptors of the server": f"{server}/fd", "data": str(root / "data"),
            },
            "writes": {
                "usr": "/usr/x", "code": f"{task}/x", "etc": "/etc/x", "root": "/x",
                "core pattern": "/proc/sys/kernel/core_pattern", "sysrq": "/proc/sysrq-trigger",
                "host file itself": host_file.name,
            },
        }  # fmt: skip
        await compute.start()
        try:
            spec = EnvironmentSpec(
                key="fn", runtime=RUNTIMES[family], handler=handler, code=root / "code" / "fn",
                layers=(), memory_mb=256, timeout_s=30, tmp_mb=512, variables={},
                credentials=no_credentials, log_group="fn", function_name="fn", version="1",
            )  # fmt: skip
            payload = json.dumps(event).encode()
            outcome = await compute.invoke(spec, Invocation("r", "arn", payload, None, ""))
            found = json.loads(outcome.payload)
            if Path(host_file.name).read_text() != secret:
                found["write host file"] = "done"
            print(json.dumps({"level": compute.level().name, "found": found}))
        finally:
            await compute.stop()


if __name__ == "__main__":
    asyncio.run(main())
