// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.tool.Recordings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Changes one thing in a real recording, and checks that exactly this change is found. */
final class TamperedTraceTest {
    @TempDir
    private Path folder;

    @Test
    @DisplayName("a result that was changed")
    void result() throws IOException {
        List<String> lines = Recordings.lines(Recordings.bundled("traces/gcc/007-a.trace.gz"));
        int line = Recordings.indexOf(lines, 0, "op 12 ");
        lines.set(line, lines.get(line).replace(" = 0", " = -EINVAL"));
        assertOnly(lines, line, "munmap addr=0x7ffff7fb6000 len=0x92af: kernel -EINVAL, Samara 0");
    }

    @Test
    @DisplayName("a flag that was taken out of a snapshot")
    void flag() throws IOException {
        List<String> lines = Recordings.lines(Recordings.bundled("traces/gcc/007-a.trace.gz"));
        int line = Recordings.indexOf(lines, 0, "7ffff75d1000-7ffff7dd1000 rd");
        lines.set(line, lines.get(line).replace(" nh", ""));
        assertOnly(
                lines,
                line,
                "snapshot 43 (exit): 7ffff75d1000-7ffff7dd1000: "
                        + "kernel rd wr mr mw me ac, Samara rd wr mr mw me ac nh");
    }

    @Test
    @DisplayName("a page that a snapshot does not show any more")
    void page() throws IOException {
        List<String> lines = Recordings.lines(Recordings.bundled("traces/gcc/007-a.trace.gz"));
        int snapshot = Recordings.indexOf(lines, 0, "maps-begin 43");
        lines.replaceAll(line -> line.replace("7ffff7dd1000-7ffff7dd4000", "7ffff7dd2000-7ffff7dd4000"));
        assertOnly(
                lines,
                snapshot,
                "snapshot 43 (exit): 7ffff7dd1000-7ffff7dd2000: kernel nothing, Samara rw-p 00000000 00:00 0");
    }

    @Test
    @DisplayName("a mapping that only the list of maps lost")
    void line() throws IOException {
        List<String> lines = Recordings.lines(Recordings.bundled("traces/gcc/007-a.trace.gz"));
        int snapshot = Recordings.indexOf(lines, 0, "maps-begin 43");
        lines.remove(Recordings.indexOf(lines, snapshot, "7ffff7dfa000-7ffff7f50000 "));
        assertOnly(
                lines,
                snapshot,
                "snapshot 43 (exit): 7ffff7dfa000-7ffff7f50000: kernel nothing, Samara r-xp 00026000 fe:00 339380");
    }

    @Test
    @DisplayName("rights, inode and offset of a mapping")
    void mapping() throws IOException {
        List<String> lines = Recordings.lines(Recordings.bundled("traces/gcc/007-a.trace.gz"));
        int snapshot = Recordings.indexOf(lines, 0, "maps-begin 43");
        int line = Recordings.indexOf(lines, snapshot, "7ffff7dfa000-7ffff7f50000 ");
        for (String[] change : new String[][] {{"r-xp", "r-xs"}, {"00026000", "00027000"}, {"339380", "339381"}}) {
            String real = lines.get(line);
            lines.set(line, real.replace(change[0], change[1]));
            String kernel = "r-xp 00026000 fe:00 339380".replace(change[0], change[1]);
            assertOnly(
                    lines,
                    line,
                    "snapshot 43 (exit): 7ffff7dfa000-7ffff7f50000: kernel " + kernel
                            + ", Samara r-xp 00026000 fe:00 339380");
            lines.set(line, real);
        }
    }

    @Test
    @DisplayName("an address that the library would not choose: seen with --placement, and also without")
    void placement() throws IOException {
        List<String> lines = Recordings.lines(Recordings.bundled("traces/gcc/007-a.trace.gz"));
        int line = Recordings.indexOf(lines, 0, "op 13 ");
        List<String> head = lines.subList(0, line + 1);
        head.set(line, head.get(line).replace("= 0x7ffff75d0000", "= 0x7ffff75cf000"));
        head.add("end truncated");
        Path file = Recordings.write(folder.resolve("elsewhere.trace.gz"), head);
        assertEquals(0, ToolRun.of("replay", file).status());
        String call = "mmap addr=0x0 len=0x801000 prot=--- flags=PRIVATE|ANONYMOUS|STACK fd=-1 off=0x0";
        assertEquals(
                List.of(file + ":" + (line + 1) + ": " + call + ": kernel 0x7ffff75cf000, Samara 0x7ffff75d0000"),
                ToolRun.of("replay", "--placement", file).differences());
        head.set(line, head.get(line).replace("= 0x7ffff75cf000", "= 0x7ffff75d1000"));
        Recordings.write(file, head);
        assertEquals(
                List.of(file + ":" + (line + 1) + ": " + call + ": kernel 0x7ffff75d1000, Samara -EEXIST"),
                ToolRun.of("replay", file).differences());
    }

    @Test
    @DisplayName("the first snapshot of a child that is not our fork of its parent, the child named alone")
    void fork() throws IOException {
        Path parent = Recordings.bundled("traces/git/001-bash.trace.gz");
        Path child = Recordings.bundled("traces/git/002-bash-fork.trace.gz");
        Files.copy(parent, folder.resolve("001-bash.trace.gz"));
        List<String> lines = Recordings.lines(child);
        lines.replaceAll(
                line -> line.startsWith("555555694000-") ? line.replace("5555556b5000", "5555556b4000") : line);
        Path changed = Recordings.write(folder.resolve("002-bash-fork.trace.gz"), lines);
        int snapshot = Recordings.indexOf(lines, 0, "maps-begin 0");
        ToolRun run = ToolRun.of("replay", changed);
        assertEquals(1, run.status());
        assertEquals(
                changed + ":" + (snapshot + 1) + ": fork of the parent: 5555556b4000-5555556b5000: "
                        + "kernel nothing, Samara rw-p 00000000 00:00 0",
                run.differences().get(0));
        assertEquals(
                1,
                run.differences().stream()
                        .filter(line -> line.contains("fork of"))
                        .count());
        Files.delete(folder.resolve("001-bash.trace.gz"));
        assertEquals(
                List.of(),
                ToolRun.of("replay", changed).differences().stream()
                        .filter(line -> line.contains("fork of"))
                        .toList());
    }

    private void assertOnly(List<String> lines, int index, String difference) throws IOException {
        Path file = Recordings.write(folder.resolve("tampered.trace.gz"), lines);
        for (ToolRun run : List.of(ToolRun.of("replay", "--placement", file), ToolRun.besideReaders(file))) {
            assertEquals(List.of(file + ":" + (index + 1) + ": " + difference), run.differences());
            assertTrue(run.out().contains("0 passed, 1 failed"), run.out()::toString);
            assertEquals(1, run.status());
        }
    }
}
