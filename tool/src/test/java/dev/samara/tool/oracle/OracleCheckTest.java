// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.oracle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.testing.Explored;
import dev.samara.tool.Recordings;
import dev.samara.tool.access.CpuPlan;
import dev.samara.tool.record.Difference;
import dev.samara.tool.record.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Executes the random calls that were recorded on a real kernel. */
@Explored(3)
@Tag("comparison")
final class OracleCheckTest {
    /** How often each file is executed, each time with another seed. */
    private static final int RUNS = Boolean.getBoolean("samara.torture") ? 50 : 1;

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(ints = {4, 40})
    @DisplayName("random operations pass in every mode: layouts alone, with contents, with forks")
    void bundled(int cpus) throws IOException, InputException {
        List<Path> files;
        try (Stream<Path> found = Files.list(Recordings.bundled("oracle"))) {
            files = found.sorted().toList();
        }
        assertEquals(18, files.size());
        for (int seed = 1; seed <= RUNS; seed++) {
            for (Path file : files) {
                assertEquals(List.of(), differences(file, new CpuPlan(cpus, seed)), "seed " + seed);
            }
        }
    }

    @ParameterizedTest
    @Explored(1)
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "mode | frob | 2 | mode 'frob' is unknown",
                "arena-pages | 0 | 6 | an arena of 0 pages has no room at 0x100000000000",
                "arena-pages | -5 | 6 | an arena of -5 pages has no room at 0x100000000000",
                "arena-pages | 0xfffffffffffff | 6 | an arena of 0xfffffffffffff pages has no room at 0x100000000000",
                "arena-pages | 65537 | 6 | an arena of 65537 pages is too large to be checked",
                "arena-pages | many | 6 | arena-pages 'many' is no number",
                "base | 0x0 | 7 | base 0x0 is no page boundary that an arena can begin at",
                "base | 0x100000000001 | 7 | base 0x100000000001 is no page boundary that an arena can begin at",
                "base | 0xfffffffffffff000 | 7 | base 0xfffffffffffff000 is no page boundary "
                        + "that an arena can begin at",
                "base | 0x7ffffffff000 | 7 | base 0x7ffffffff000 is no page boundary that an arena can begin at",
                "base | 0x7fffffffe000 | 6 | an arena of 2048 pages has no room at 0x7fffffffe000",
                "task-size | 0x1000 | 8 | an address space that ends at 0x1000 cannot be checked",
                "page-size | 16384 | 9 | pages of 16384 bytes cannot be checked",
                "seed | 1;seed 1 | 4 | 'seed' is given twice"
            })
    @DisplayName("each line of the header is checked")
    void header(String key, String value, int line, String message) throws IOException {
        List<String> lines = Recordings.lines(Recordings.bundled("oracle/vma-13.oracle.gz"));
        lines.set(Recordings.indexOf(lines, 0, key + " "), key + " " + value.replace(';', '\n'));
        assertComplaint(Recordings.write(folder.resolve("1.oracle.gz"), lines), line, message);
    }

    @ParameterizedTest
    @Explored(1)
    @ValueSource(strings = {"1ff", "-1", "+1", "", "\u0663", "g"})
    @DisplayName("a written value that is no byte of hexadecimal digits")
    void values(String value) throws IOException {
        List<String> lines = Recordings.lines(Recordings.bundled("oracle/touch-1.oracle.gz"));
        int index = Recordings.indexOf(lines, 0, "op 3 wr ");
        lines.set(index, "op 3 wr addr=+0x0 val=" + value + " = 00");
        Path file = Recordings.write(folder.resolve("1.oracle.gz"), lines);
        assertComplaint(file, index + 1, "val='" + value + "' is no byte");
    }

    @Test
    @Explored(1)
    @DisplayName("a VMA that was cut in two in a list, and a result there")
    void tampered() throws IOException, InputException {
        List<String> lines = Recordings.lines(Recordings.bundled("oracle/vma-10.oracle.gz"));
        int list = Recordings.indexOf(lines, 0, "v a5000-c0000:---p:0:anon:");
        lines.set(list, "v a5000-b0000:---p:0:anon: b0000-c0000:---p:0:anon:");
        lines.set(list + 1, lines.get(list + 1).replace("-EINVAL", "+0xa5000"));
        lines.set(list + 2, "v a5000-c0000:---p:0:anon:");
        Path file = Recordings.write(folder.resolve("cut.oracle.gz"), lines);
        assertEquals(
                List.of(
                        file + ":" + (list + 1) + ": VMAs after 'op 0 mmap addr=+0xa5000 len=0x1af5b prot=--- "
                                + "flags=PRIVATE|FIXED|ANONYMOUS fd=-1 off=0x0': "
                                + "kernel a5000-b0000:---p:0:anon: b0000-c0000:---p:0:anon:, "
                                + "Samara a5000-c0000:---p:0:anon:",
                        file + ":" + (list + 2) + ": op 1 mremap addr=+0xc0000 oldlen=0xb000 newlen=0xc000 "
                                + "flags=MAYMOVE|FIXED newaddr=+0xc8000: kernel +0xa5000, Samara -EINVAL"),
                differences(file, CpuPlan.ONE));
    }

    private static List<String> differences(Path file, CpuPlan cpus) throws InputException {
        return OracleCheck.check(file, cpus).differences().stream()
                .map(Difference::toString)
                .toList();
    }

    private static void assertComplaint(Path file, int line, String message) {
        InputException refused = assertThrows(InputException.class, () -> OracleCheck.check(file, CpuPlan.ONE));
        assertEquals(file + ":" + line + ": " + message, refused.getMessage());
    }
}
