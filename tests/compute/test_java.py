from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.needs import LEVEL, needs_javac

from cloudlet.compute import jvm
from cloudlet.compute.environment import EnvironmentSpec

ROOT = Path(__file__).parents[2]
needs_java = pytest.mark.skipif(not jvm.installed(), reason="no Java")

SOURCE = """
package example;
import com.amazonaws.services.lambda.runtime.*;
import java.io.*;
import java.math.BigDecimal;
import java.util.*;

public class Many {
    public enum Kind { GOOD, BAD }
    public static class Point { public int x; public int y; }
    public static class Order {
        private String URL; private List<Point> points; private Map<String, Kind> kinds;
        private BigDecimal price; private Date when; private byte[] data; private Order inner;
        public String getURL() { return URL; }
        public void setURL(String v) { URL = v; }
        public List<Point> getPoints() { return points; }
        public void setPoints(List<Point> v) { points = v; }
        public Map<String, Kind> getKinds() { return kinds; }
        public void setKinds(Map<String, Kind> v) { kinds = v; }
        public BigDecimal getPrice() { return price; }
        public void setPrice(BigDecimal v) { price = v; }
        public Date getWhen() { return when; }
        public void setWhen(Date v) { when = v; }
        public byte[] getData() { return data; }
        public void setData(byte[] v) { data = v; }
        public Order getInner() { return inner; }
        public void setInner(Order v) { inner = v; }
    }
    public static class Typed implements RequestHandler<List<Point>, Integer> {
        public Integer handleRequest(List<Point> points, Context context) {
            return points.stream().mapToInt(p -> p.x * p.y).sum();
        }
    }
    public static class Streams implements RequestStreamHandler {
        public void handleRequest(InputStream in, OutputStream out, Context context)
                throws IOException {
            out.write('[');
            for (int c = in.read(); c >= 0; c = in.read()) out.write(c);
            out.write(']');
        }
    }
    public Order pojo(Order order) { return order; }
    public String text(String text, Context context) { return text + context.getAwsRequestId(); }
    public static int number(int n) { return n + 1; }
    public void nothing() {}
    public Map<String, Object> look(Map<String, Object> event, Context context) throws Exception {
        Map<String, Object> found = new LinkedHashMap<>();
        found.put("event", event);
        found.put("heap", Runtime.getRuntime().maxMemory() >> 20);
        found.put("folder", System.getProperty("user.dir"));
        found.put("relative", new File("example/Many.class").isFile());
        found.put("colour", System.getenv("COLOUR"));
        ProcessBuilder builder = new ProcessBuilder("/bin/sh", "-c", "echo $COLOUR");
        builder.environment();
        Process child = builder.start();
        found.put("child", new BufferedReader(new InputStreamReader(child.getInputStream()))
                .readLine());
        found.put("client", context.getClientContext().getCustom());
        found.put("zone", TimeZone.getDefault().getID());
        try {
            found.put("writes", new File("/var/task/x").createNewFile());
        } catch (IOException e) {
            found.put("writes", "refused");
        }
        return found;
    }
    public void log(Object event, Context context) {
        System.out.println("from out");
        context.getLogger().log("from the logger\\n");
    }
    public void deep() { throw new IllegalStateException("outer", new IOException("inner")); }
    public void exit() { System.exit(3); }
    public int forever() { for (;;) { } }
    public Object heap() {
        List<byte[]> held = new ArrayList<>();
        for (;;) held.add(new byte[1 << 20]);
    }
    public Object overflow(Object event) { return overflow(event); }
    public String large() { return new String(new char[7 << 20]).replace('\\0', 'x'); }
    public static class Broken { static { if (true) throw new IllegalStateException("static"); }
        public void run() {} }
    public static class Hidden { private Hidden() {} public void run() {} }
}
"""


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("java")
    (folder / "Many.java").write_text(SOURCE)
    command = ["javac", "-nowarn", "--release", "8", "-cp", str(jvm.BOOTSTRAP)]
    command += ["-d", str(folder / "out"), str(folder / "Many.java")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "out"


@pytest.fixture
def many(bench: Any, classes: Path) -> Any:
    def make(method: str, inner: str = "", **changes: Any) -> EnvironmentSpec:
        handler = f"example.Many{inner}" + (f"::{method}" if method else "")
        values: dict[str, Any] = {"runtime": "java17", "memory_mb": 256, "handler": handler}
        spec: EnvironmentSpec = bench.function("", file="none", **(values | changes))
        shutil.copytree(classes, spec.code, dirs_exist_ok=True)
        return spec

    return make


@needs_java
@needs_javac
class TestHandlers:
    ORDER: ClassVar[dict[str, Any]] = {
        "URL": "a", "points": [{"x": 1, "y": 2, "unknown": 3}], "kinds": {"k": "GOOD"},
        "price": 1.10, "when": 1577836800000, "data": "aGk=", "inner": {"URL": "ä\n\U0001f600"},
    }  # fmt: skip

    ANSWERS: ClassVar[tuple[Any, ...]] = (
        ("pojo", "", ORDER, ORDER | {"points": [{"x": 1, "y": 2}]}),
        ("text", "", "id: ", "id: request-1"),
        ("number", "", 41, 42),
        ("nothing", "", {}, None),
        ("", "$Typed", [{"x": 2, "y": 3}, {"x": 1, "y": 1}], 7),
        ("handleRequest", "$Typed", [], 0),
        ("", "$Streams", {"a": 1}, [{"a": 1}]),
    )

    async def test_signatures_and_types(self, bench: Any, many: Any) -> None:
        for method, inner, event, answer in self.ANSWERS:
            spec = many(method, inner, key=f"{method}{inner}")
            bench.requests = 0
            assert await bench.call(spec, event) == answer

    async def test_what_a_function_finds(self, bench: Any, many: Any) -> None:
        spec = many("look", variables={"TZ": "Europe/Berlin", "COLOUR": "red"})
        event = {"n": 1.5, "l": [1, None]}
        outcome = await bench.invoke(spec, event, client_context='{"custom": {"a": "b"}}')
        found = json.loads(outcome.payload)
        folder = "/var/task" if LEVEL.namespaces else str(spec.code)
        assert abs(found.pop("heap") - jvm.heap_mb(256)) < 10
        assert found == {
            "event": event, "folder": folder, "relative": True, "colour": "red",
            "child": "red", "client": {"a": "b"}, "zone": "Europe/Berlin", "writes": "refused",
        }  # fmt: skip

    async def test_the_log(self, bench: Any, many: Any) -> None:
        await bench.call(many("log"), 1)
        start = bench.log.texts.index("START RequestId: request-1 Version: $LATEST")
        assert bench.log.texts[start + 1 : start + 3] == ["from out", "from the logger"]
        assert (await bench.call(many("deep", key="fn:2")))["errorType"].endswith("StateException")
        event = next(text for text in bench.log.texts if text.startswith("outer: "))
        assert event.splitlines()[1] == "java.lang.IllegalStateException: outer"
        assert "Caused by: java.io.IOException: inner" in event

    FAILURES: ClassVar[tuple[Any, ...]] = (
        ("deep", "", None, "java.lang.IllegalStateException", "outer"),
        ("missing", "", None, "java.lang.NoSuchMethodException", "No public method named"),
        ("", "Absent", None, "java.lang.ClassNotFoundException", "Class not found: example"),
        ("run", "$Broken", None, "java.lang.IllegalStateException", "static"),
        ("run", "$Hidden", None, "java.lang.Exception", "Class example.Many$Hidden has no"),
        ("", "", None, "java.lang.ClassCastException", "Class example.Many does not"),
        ("number", "", {"a": 1}, "java.lang.RuntimeException", "An error occurred during JSON"),
        ("exit", "", None, "Runtime.ExitError", "RequestId: request-"),
        ("heap", "", None, "java.lang.OutOfMemoryError", "Java heap space"),
        ("overflow", "", None, "java.lang.StackOverflowError", ""),
        ("large", "", None, "Function.ResponseSizeTooLarge", "Response payload size"),
    )

    async def test_failures_by_name(self, bench: Any, many: Any) -> None:
        for method, inner, event, kind, message in self.FAILURES:
            outcome = await bench.invoke(many(method, inner, key=f"{method}{inner}"), event)
            document = json.loads(outcome.payload)
            assert (outcome.error, document["errorType"]) == ("Unhandled", kind)
            assert document.get("errorMessage", "").startswith(message)

    async def test_a_time_out(self, bench: Any, many: Any) -> None:
        answer = await bench.call(many("forever", timeout_s=0.5))
        assert answer["errorType"] == "Sandbox.Timedout"

    async def test_without_namespaces_and_with_options(
        self, make_bench: Any, classes: Path
    ) -> None:
        bench = await make_bench(reserve=0, namespaces=False)
        spec = bench.function(
            "", file="none", runtime="java17", handler="example.Many::text", memory_mb=256,
            variables={"JAVA_TOOL_OPTIONS": "-Dmine=1"},
        )  # fmt: skip
        shutil.copytree(classes, spec.code, dirs_exist_ok=True)
        assert await bench.call(spec, "a ") == "a request-1"
        assert any("-Dmine=1" in text for text in bench.log.texts)


def test_the_heap_leaves_room() -> None:
    assert [jvm.heap_mb(size) for size in (128, 256, 512, 10240)] == [64, 192, 435, 8704]


def test_the_jar_is_built_from_these_sources() -> None:
    script = ROOT / "scripts" / "java_bootstrap.py"
    subprocess.run([sys.executable, script, "--check"], check=True)
    with zipfile.ZipFile(jvm.BOOTSTRAP) as jar:
        assert "cloudlet/lambda/Bootstrap.class" in jar.namelist()


@needs_java
async def test_runtimes_are_served_by_the_nearest(bench: Any) -> None:
    found = await bench.compute.find_runtime("java8.al2")
    assert found.family == "java"
    assert found.exact == (found.found.split(".")[0] == "8")
