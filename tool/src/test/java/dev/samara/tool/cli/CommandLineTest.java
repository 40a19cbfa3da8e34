// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.samara.tool.MadeUpTrace;
import dev.samara.tool.Recordings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class CommandLineTest {
    private static final Path ROOT = Path.of(System.getProperty("basedir", ""), "..");

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "replay",
                "maps",
                "timeline",
                "timeline x.jfr",
                "replay --what x",
                "replay --seed one x",
                "replay --cpus 4 x",
                "replay --touch --cpus 0 x",
                "top",
                "top --interval 1 x",
                "top --interval soon x",
                "top --repeat 0 x"
            })
    @DisplayName("a wrong command line ends with 2 and one line that tells why, and one that names the help")
    void wrongCommandLine(String line) {
        ToolRun run = ToolRun.of((Object[]) (line.isEmpty() ? new String[0] : line.split(" ", -1)));
        assertEquals(2, run.status());
        if (line.isEmpty()) {
            assertEquals(List.of(), run.out());
            assertTrue(run.err().stream().anyMatch(text -> text.startsWith("Usage: samara")), run.err()::toString);
        } else {
            assertShort(run);
        }
    }

    private static void assertShort(ToolRun run) {
        assertEquals(List.of(), run.out());
        assertEquals(2, run.err().size(), run.err()::toString);
        assertTrue(run.err().get(1).matches("samara( [a-z]+)* --help shows the options"), run.err()::toString);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "run",
                "run --what pom.xml",
                "run --limit-memory little pom.xml",
                "run --sysroot pom.xml pom.xml",
                "run --gdb 70000 pom.xml",
                "run --tlb 3 pom.xml",
                "run --tlb 0 pom.xml",
                "run --tlb 2097152 pom.xml",
                "top run",
                "top run --interval 1 pom.xml",
                "top --interval 1 run pom.xml"
            })
    @DisplayName("a wrong command line of a run ends with 125, since a guest may end with 2")
    void wrongCommandLineOfRun(String line) {
        ToolRun run = ToolRun.of((Object[]) line.split(" ", -1));
        assertEquals(125, run.status(), run.err()::toString);
        assertShort(run);
    }

    @Test
    @DisplayName("a run of a file that is no program, or not there, ends with 125 and one line")
    void noProgram() throws IOException {
        Path text = Files.writeString(folder.resolve("text"), "no program\n");
        Path missing = folder.resolve("missing");
        for (Path file : List.of(text, missing, folder)) {
            ToolRun run = ToolRun.of("run", file);
            assertEquals(125, run.status());
            assertEquals(1, run.err().size(), run.err()::toString);
            assertTrue(run.err().get(0).startsWith(file + ": "), run.err()::toString);
        }
    }

    @Test
    @DisplayName("a path that the locale cannot express is refused with the remedy")
    void inexpressiblePath() {
        ToolRun run = ToolRun.of("run", "half of a letter: \ud800");
        assertEquals(125, run.status(), run.err()::toString);
        assertShort(run);
        assertTrue(run.err().get(0).endsWith(": use another one, such as LC_ALL=C.UTF-8"), run.err()::toString);
    }

    @ParameterizedTest
    @ValueSource(strings = {"what --for", "help what"})
    @DisplayName("an unknown command is named, with those that there are")
    void unknownCommand(String line) {
        ToolRun run = ToolRun.of((Object[]) line.split(" ", -1));
        assertEquals(2, run.status());
        assertEquals(List.of(), run.out());
        assertEquals(
                List.of("there is no command what: use one of replay, maps, timeline, run, top, help,"
                        + " generate-completion"),
                run.err());
    }

    @ParameterizedTest
    @CsvSource({"replay, 0 1 2", "maps, 0 2", "timeline, 0 2", "run, N 125", "top, 0 1 2", "top run, N 125"})
    @DisplayName("the help of each command has its exit codes, and none that it does not end with")
    void exitCodes(String command, String codes) {
        List<String> help =
                ToolRun.of((Object[]) (command + " --help").split(" ", -1)).out();
        assertTrue(help.stream().anyMatch(line -> line.startsWith("Usage: samara " + command)), help::toString);
        List<String> listed = help.stream()
                .skip(help.indexOf("Exit codes:") + 1L)
                .takeWhile(line -> !line.endsWith(":"))
                .filter(line -> line.matches("  \\S.*"))
                .map(line -> line.trim().split(" +", 2)[0])
                .toList();
        assertEquals(List.of(codes.split(" ", -1)), listed, help::toString);
    }

    @Test
    @DisplayName("a script for completion names the commands, and the usage the exit codes")
    void completion() {
        ToolRun script = ToolRun.of("generate-completion");
        assertEquals(0, script.status());
        assertTrue(script.out().stream().anyMatch(line -> line.contains("replay maps timeline run top")));
        assertTrue(ToolRun.of("--help").out().contains("Exit codes:"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--help",
                "--version",
                "help",
                "help run",
                "replay --help",
                "run --help",
                "top --help",
                "top run --help",
                "timeline --help",
                "maps --version",
                "top run --version"
            })
    @DisplayName("help and version go to standard output")
    void helpAndVersion(String line) {
        ToolRun run = ToolRun.of((Object[]) line.split(" ", -1));
        assertEquals(0, run.status());
        assertTrue(run.out().get(0).contains("samara"), run.out()::toString);
    }

    @ParameterizedTest
    @ValueSource(strings = {"replay", "maps", "timeline --svg x.svg", "top"})
    @DisplayName("a file that is not there is named, without a line")
    void missingFile(String command) {
        Path missing = folder.resolve("missing.gz");
        ToolRun run = ToolRun.of((Object[]) (command + " " + missing).split(" ", -1));
        assertEquals(2, run.status());
        assertEquals(List.of(missing + ": there is no such file"), run.err());
        assertEquals(List.of(), run.out(), "nothing was checked");
    }

    @ParameterizedTest
    @ValueSource(strings = {"replay", "maps", "timeline", "run", "top", "top run"})
    @DisplayName("the help of each command has an example that the command takes, with files that exist")
    void examples(String command) {
        List<String> help =
                ToolRun.of((Object[]) (command + " --help").split(" ", -1)).out();
        List<String> examples = help.stream()
                .filter(line -> line.startsWith("  samara " + command + " "))
                .toList();
        assertFalse(examples.isEmpty(), help::toString);
        for (String example : examples) {
            String[] words = example.trim().split(" ", -1);
            SamaraCommand.commandLine().parseArgs(Arrays.copyOfRange(words, 1, words.length));
            for (String word : words) {
                assertTrue(!word.matches("(tool|emulator|examples)/.*") || Files.exists(ROOT.resolve(word)), word);
            }
        }
    }

    @Test
    @DisplayName("a folder without recordings is an input that cannot be read, and has no line")
    void emptyFolder() {
        ToolRun run = ToolRun.of("replay", folder);
        assertEquals(2, run.status());
        assertTrue(run.err().get(0).startsWith(folder + ": there is no *."), run.err()::toString);
    }

    @Test
    @DisplayName("a broken gzip file is named with the line where it breaks, and the other files are checked")
    void brokenGzip() throws IOException {
        Path whole = Recordings.bundled("traces/gcc/003-cc1.trace.gz");
        byte[] bytes = Files.readAllBytes(whole);
        Path cut = Files.write(folder.resolve("003-cut.trace.gz"), Arrays.copyOf(bytes, bytes.length / 2));
        Path noise = Files.writeString(folder.resolve("004-noise.trace.gz"), "vmtrace 1\n");
        ToolRun run = ToolRun.of("replay", folder, whole);
        assertEquals(2, run.status());
        assertEquals("1 passed, 2 failed", run.lastLine());
        assertEquals(2, run.err().size());
        assertTrue(run.err().get(0).matches("\\Q" + cut + "\\E:\\d\\d+: .*"), run.err()::toString);
        assertTrue(run.err().get(1).startsWith(noise + ":1: "), run.err()::toString);
        ToolRun json = ToolRun.of("replay", "--json", noise);
        assertEquals(2, json.status());
        JsonObject unreadable = json.json().getAsJsonArray("files").get(0).getAsJsonObject();
        assertEquals(run.err().get(1), unreadable.get("complaint").getAsString());
    }

    @Test
    @DisplayName("a line that makes no sense is named")
    void malformedLine() throws IOException {
        Path trace = new MadeUpTrace()
                .lines("op 0 1 munmap addr=here len=0x1000 = 0")
                .write(folder.resolve("1.gz"));
        ToolRun run = ToolRun.of("replay", trace);
        assertEquals(2, run.status());
        assertEquals(List.of(trace + ":25: addr= 'here' is no number"), run.err());
        assertEquals("0 passed, 1 failed", run.lastLine());
    }

    @Test
    @DisplayName("a difference found with several CPUs is reported with their number and the seed")
    void seed() throws IOException {
        Path file = new MadeUpTrace()
                .lines("op 0 1 munmap addr=0x10000 len=0x1000 = -EPERM")
                .write(folder.resolve("one.trace.gz"));
        assertEquals(
                List.of("failed with --cpus 4 --seed 1"),
                ToolRun.of("replay", "--touch", "--cpus", 4, file).err());
        assertEquals(List.of(), ToolRun.of("replay", "--touch", file).err());
    }

    @Test
    @DisplayName("every difference is printed, however many there are")
    void manyDifferences() throws IOException {
        MadeUpTrace trace = new MadeUpTrace();
        for (int i = 0; i < 30; i++) {
            trace.lines("op " + i + " 1 munmap addr=0x10000 len=0x1000 = -EPERM");
        }
        Path file = trace.write(folder.resolve("many.trace.gz"));
        ToolRun run = ToolRun.of("replay", file);
        assertEquals(1, run.status());
        assertEquals(30, run.differences().size());
        assertEquals(
                file + ":25: munmap addr=0x10000 len=0x1000: kernel -EPERM, Samara 0",
                run.differences().get(0));
        assertEquals("0 passed, 1 failed", run.lastLine());
        JsonObject json = ToolRun.of("replay", "--json", file).json();
        JsonObject report = json.getAsJsonArray("files").get(0).getAsJsonObject();
        assertEquals(30, report.getAsJsonArray("differences").size());
        assertEquals(30, report.get("differenceCount").getAsInt());
    }

    @Test
    @DisplayName("--json writes one document with all findings")
    void json() throws IOException {
        Path wrong =
                new MadeUpTrace().lines("op 0 1 brk addr=0x0 = 0x1000").write(folder.resolve("\"wrong\".trace.gz"));
        ToolRun run = ToolRun.of("replay", "--json", wrong, Recordings.bundled("traces/gcc"));
        assertEquals(1, run.status());
        JsonObject document = run.json();
        assertEquals(4, document.get("passed").getAsInt());
        assertEquals(1, document.get("failed").getAsInt());
        JsonObject found = document.getAsJsonArray("files").asList().stream()
                .map(JsonElement::getAsJsonObject)
                .filter(file -> file.get("file").getAsString().equals(wrong.toString()))
                .findFirst()
                .orElseThrow();
        assertEquals("failed", found.get("status").getAsString());
        assertEquals(
                "[{\"line\":25,\"subject\":\"brk addr=0x0\",\"kernel\":\"0x1000\",\"samara\":\"0x555555694000\"}]",
                found.get("differences").toString());
    }

    @Test
    @DisplayName("maps --json writes the lines as an array")
    void mapsAsJson() {
        ToolRun run = ToolRun.of("maps", "--json", "--at", "0", Recordings.bundled("traces/gcc/007-a.trace.gz"));
        assertEquals(0, run.status());
        assertTrue(run.json().getAsJsonArray("maps").size() > 5);
    }

    @Test
    @DisplayName("maps prints the kernel's text of that moment, names and padding included")
    void mapsLikeTheKernel() throws IOException {
        Path trace = Recordings.bundled("traces/git/003-rm.trace.gz");
        List<String> lines = Recordings.lines(trace);
        int begin = Recordings.indexOf(lines, Recordings.indexOf(lines, 0, "op "), "maps-begin ");
        int end = Recordings.indexOf(lines, begin, "maps-end");
        String sequence = lines.get(begin).split(" ", -1)[1];
        ToolRun run = ToolRun.of("maps", trace, "--at", sequence);
        assertEquals(0, run.status());
        assertEquals(lines.subList(begin + 1, end), run.out());
        assertEquals(run.out(), ToolRun.of("maps", trace).out());
    }
}
