// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Explored;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SuiteCommandTest {
    private static final Pattern LINE = Pattern.compile("  (\\S+)  +(\\S.*)");

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @TempDir
    private Path folder;

    private int run(String... words) throws IOException, InterruptedException {
        return SuiteCommand.run(
                words,
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8));
    }

    @Test
    @DisplayName("list has a line for each benchmark, report and program")
    void list() throws IOException, InterruptedException {
        assertEquals(0, run("list"));
        Map<String, String> listed = new TreeMap<>();
        for (String line : out.toString(StandardCharsets.UTF_8).split("\n", -1)) {
            Matcher matcher = LINE.matcher(line.stripTrailing());
            if (matcher.matches()) {
                listed.put(matcher.group(1), matcher.group(2));
            }
        }
        List<String> benchmarks = Catalogue.find(List.of(), List.of()).stream()
                .map(Catalogue::shortName)
                .distinct()
                .toList();
        assertTrue(benchmarks.size() > 20, benchmarks::toString);
        benchmarks.forEach(name -> assertTrue(listed.containsKey(name), name));
        ReportCommand.ALL.forEach(report -> assertEquals(report.about(), listed.get(report.word())));
        SuiteCommand.PROGRAMS.forEach((name, about) -> assertEquals(about, listed.get(name)));
        assertEquals(benchmarks.size() + ReportCommand.ALL.size() + SuiteCommand.PROGRAMS.size(), listed.size());
    }

    @Test
    @DisplayName("--help lists all, and after the name of a program or report its options; --version tells the version")
    void help() throws IOException, InterruptedException {
        assertEquals(0, run("--help"));
        assertTrue(out.toString(StandardCharsets.UTF_8).startsWith("Usage: "), out::toString);
        for (ReportCommand report : ReportCommand.ALL) {
            out.reset();
            assertEquals(0, run(report.word(), "--help"), report::word);
            List<String> lines = out.toString(StandardCharsets.UTF_8).lines().toList();
            assertEquals(report.word() + ": " + report.about(), lines.get(0));
            assertTrue(lines.contains("  --json"), lines::toString);
            assertTrue(lines.get(lines.size() - 1).startsWith("Exit codes: "), lines::toString);
        }
        for (String program : SuiteCommand.PROGRAMS.keySet()) {
            out.reset();
            assertEquals(0, run(program, "--help"), program);
            assertTrue(out.toString(StandardCharsets.UTF_8).startsWith(program + ": "), out::toString);
        }
        out.reset();
        assertEquals(0, run("--version"));
        assertEquals(
                "samara-bench (not run from its jar)",
                out.toString(StandardCharsets.UTF_8).strip());
        assertEquals("", err.toString(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "nothing --help | nothing",
                "LookupBenchmrk | LookupBenchmrk",
                "lookup[ | regular expression",
                "-bogus | not a recognized option",
                "LookupBenchmark -bm slow | slow",
                "LookupBenchmark -f | argument",
                "LookupBenchmark -p index=b-tree | b-tree",
                "LookupBenchmark -p idx=samara | idx",
                "LookupBenchmark -p ranges=many | many",
                "LookupBenchmark -p ranges=-1 | -1",
                "UpdateBenchmark -p index=samara-snapshot | samara-snapshot",
                "LookupBenchmark -rff no/such/directory/result.json | no/such/directory",
                "LookupBenchmark -jvm no/such/java | no/such/java",
                "list all | all",
                "quick fast | fast",
                "quick --only lookups,nothing | nothing",
                "full --out | --out",
                "ab one.jar | two jars",
                "ab no-such.jar other.jar | no-such.jar",
                "chart | DIRECTORY",
                "chart --size 3 | --size",
                "chart no-such | no-such",
                "tables | directory",
                "tables no/such/project | no/such/project",
                "footprint --ranges | --ranges",
                "footprint --ranges 0 | --ranges",
                "footprint --ranges 30,many | many",
                "footprint --index b-tree | b-tree",
                "footprint --what 1 | --what",
                "footprint --json no/such/directory/result.json | no/such/directory",
                "contention --seconds soon | --seconds",
                "contention --beside me | me",
                "own-tlb --work nothing | nothing",
                "fork-beside --vmas none | --vmas",
                "stores --every 0 | --every",
                "shootdowns --work none | none",
                "interpreter --memory none | none"
            })
    @DisplayName("what makes no sense ends with 2, and a message that names it")
    void badInput(String line, String named) throws IOException, InterruptedException {
        assertEquals(2, run(line.split(" ", -1)));
        String message = err.toString(StandardCharsets.UTF_8);
        assertTrue(message.contains(named), message);
        assertFalse(message.contains("Exception"), message);
    }

    @Test
    @DisplayName("a raw file that is no result, and a place that is no directory, end with 2")
    void badFiles() throws IOException, InterruptedException {
        Path file = folder.resolve("lookups.json");
        for (String text : List.of("not JSON at all", "{}", "[{\"benchmark\": \"a.B.c\", \"mode\": \"avgt\"}]")) {
            Files.writeString(file, text);
            assertEquals(2, run("chart", "--out", folder.toString(), folder.toString()));
        }
        assertEquals(2, run("quick", "--out", file.toString()));
        String messages = err.toString(StandardCharsets.UTF_8);
        assertEquals(
                4,
                messages.lines().filter(line -> line.contains("lookups.json")).count(),
                messages);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "faults --pages 256 --rounds 1 | ebizzy | 30",
                "sleeping-faults --faults 4 --delay 1 --seconds 0.05 "
                        + "--contender samara,rwlock-whole | rwlock-whole | 2",
                "stores --keys 2000 --limit 1 --rounds 1 --reads 500 --updates 100 --every 20 | MVStore | 8",
                "lucene --documents 300 --queries 30 --rounds 1 | MMapDirectory | 13",
                "fork --rounds 1 --mib 16 --checkpoints 10 | fork_ns | 8",
                "fork-beside --vmas 134 --rounds 2 | stamped | 4",
                "shootdowns --rounds 1 --iterations 4 --threads 2 | munmap-micro | 61",
                "interpreter --seconds 0.02 --work sieve | paged | 3"
            })
    @DisplayName("each report on memory runs to its end, and writes its output")
    @Explored(12)
    void reportsOnMemory(String line, String named, int rows) throws IOException, InterruptedException {
        Path file = folder.resolve("report.json");
        assertEquals(0, run((line + " --json " + file).split(" ", -1)), err::toString);
        String json = Files.readString(file);
        assertTrue(json.contains(named), json);
        assertTrue(json.lines().filter(text -> text.contains("{")).count() >= rows, json);
    }

    @Test
    @DisplayName("footprint weighs each structure, and writes its output")
    @Explored(6)
    void footprint() throws IOException, InterruptedException {
        Path file = folder.resolve("footprint.json");
        assertEquals(0, run("footprint", "--ranges", "30,1000", "--json", file.toString()));
        String json = Files.readString(file);
        // Each bound takes 8 bytes, and a reference takes 4 or 8 bytes.
        Matcher matcher = Pattern.compile(
                        "\"index\": \"cow-array\", \"ranges\": 1000, \"bytes_per_range\": (20|24)\\.0")
                .matcher(json);
        assertTrue(matcher.find(), json);
    }
}
