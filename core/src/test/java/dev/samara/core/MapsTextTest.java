// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static dev.samara.core.Refusal.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The text of a layout: how it may be written to be read, and how it is printed. */
final class MapsTextTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final long PLACE = 0x2000_0000_0000L;
    private static final long HEAP = 0x5555_5555_9000L;
    private static final long BRK = 0x5555_5573_3000L;
    private static final long STACK = 0x7fff_ffff_e720L;
    private static final int RW = Protection.READ | Protection.WRITE;
    private static final int ANON = MapFlags.PRIVATE | MapFlags.ANONYMOUS;

    /** As a running Linux printed them. */
    private static final List<String> MAPS = List.of(
            "00400000-00401000 rw-p 00000000 00:00 0 ",
            "00410000-00411000 ---p 00000000 00:00 0 ",
            "30000000000-30000002000 rw-s 123456789000 00:01 86315                    /memfd:ring (deleted)",
            "30000010000-30000013000 rw-s 00000000 00:01 86316                        /dev/zero (deleted)",
            "30000020000-30000025000 rw-s 00000000 00:01 4161671                      /SYSV00005eed (deleted)",
            "30000030000-30000031000 r--s 00001000 fe:00 2204476                      /tmp/my files/a  b (deleted)",
            "30000031000-30000032000 r-xp 00002000 fe:00 2204476                      /tmp/my files/a  b (deleted)",
            "30000040000-30000044000 rw-p 00000000 00:00 0 ",
            "30000050000-30000054000 rw-p 00000000 00:00 0 ",
            "30000060000-30000061000 rw-p 00007000 00:06 4                            /dev/zero",
            "30000070000-30000071000 r--p 00000000 00:00 0 ",
            "555555559000-555555733000 rw-p 00000000 00:00 0                          [heap]",
            "7ffff7fc2000-7ffff7fc6000 r--p 00000000 00:00 0                          [vvar]",
            "7ffff7fc8000-7ffff7fca000 r-xp 00000000 00:00 0                          [vdso]",
            "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]",
            "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]");

    /** Their attributes. */
    private static final List<String> FLAGS = List.of(
            "rd wr mr mw me ac",
            "mr mw me nr",
            "rd wr sh mr mw me ms",
            "rd wr sh mr mw me ms",
            "rd wr sh mr mw me ms",
            "rd mr me ms",
            "rd ex mr mw me",
            "rd wr mr mw me gd ac",
            "rd wr mr mw me lo ac",
            "rd wr mr mw me ac",
            "rd mr mw me sl",
            "rd wr mr mw me ac",
            "rd mr pf io de dd",
            "rd ex mr mw me de",
            "rd wr mr mw me gd ac",
            "ex");

    private static List<String> flagLines(String afterRange, String afterFlags) {
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < MAPS.size(); i++) {
            String line = MAPS.get(i);
            lines.add(line.substring(0, line.indexOf(' ')) + afterRange + FLAGS.get(i) + afterFlags);
        }
        return lines;
    }

    private static AddressSpace load(List<Vma> vmas) {
        return Machine.builder()
                .build()
                .space(LINUX)
                .heap(HEAP, BRK)
                .stack(STACK)
                .load(vmas)
                .build();
    }

    private static List<Vma> parse(List<String> maps, List<String> flags) {
        return ProcMaps.parse(LINUX, maps, flags, ProcMaps.openOnce());
    }

    private static Vma parseOne(String line) {
        return parse(List.of(line), List.of()).get(0);
    }

    @Test
    @DisplayName("what Linux printed of files, segments, devices and names with spaces is printed again, to the letter")
    void printedAsRead() {
        AddressSpace space = load(parse(MAPS, flagLines(" ", "")));
        assertEquals(MAPS, space.snapshot().maps());
        assertEquals(flagLines(" ", ""), space.snapshot().vmFlags());
        space.validate();
    }

    @Test
    @DisplayName("attributes may be followed or separated by more spaces, as in smaps")
    void paddedFlagsAreRead() {
        List<String> expected = flagLines(" ", "");
        assertEquals(expected, load(parse(MAPS, flagLines(" ", " "))).snapshot().vmFlags());
        assertEquals(
                expected, load(parse(MAPS, flagLines("   ", "  "))).snapshot().vmFlags());
        List<String> lines = flagLines(" ", "");
        lines.set(0, "400000-401000 rd  wr mr mw me\tac");
        assertEquals(expected, load(parse(MAPS, lines)).snapshot().vmFlags());
    }

    @Test
    @DisplayName("a mapping may have no attribute at all")
    void noFlagsAreRead() {
        for (String none : new String[] {"400000-401000", "00400000-00401000 "}) {
            assertEquals(0, parse(MAPS.subList(0, 1), List.of(none)).get(0).flags());
        }
    }

    @Test
    @DisplayName("what a space printed is read as the same layout")
    void readAsPrinted() {
        AddressSpace space = load(List.of());
        int fixed = MapFlags.FIXED;
        space.throwing().mmap(PLACE, 9 * PAGE, RW, ANON | fixed, null, 0);
        space.throwing().mprotect(PLACE + 2 * PAGE, 3 * PAGE, Protection.READ);
        space.throwing().mlock(PLACE + 7 * PAGE, PAGE);
        space.throwing().mmap(PLACE + 20 * PAGE, 4 * PAGE, RW, MapFlags.SHARED | fixed, OpenFiles.A, 3 * PAGE);
        space.throwing().munmap(PLACE + 21 * PAGE, PAGE);
        space.throwing().mmap(PLACE + 30 * PAGE, PAGE, RW, ANON | fixed | MapFlags.GROWSDOWN, null, 0);
        space.throwing().brk(BRK + 5 * PAGE);
        LayoutSnapshot printed = space.snapshot();

        AddressSpace again = Machine.builder()
                .build()
                .space(LINUX)
                .heap(HEAP, BRK + 5 * PAGE)
                .stack(STACK)
                .load(ProcMaps.parse(
                        LINUX, printed.maps(), printed.vmFlags(), (major, minor, inode, name, flags) -> OpenFiles.A))
                .build();

        assertEquals(LayoutText.of(space), LayoutText.of(again));
        assertEquals(printed.maps(), again.snapshot().maps());
        assertEquals(space.usage(), again.usage());
    }

    @Test
    @DisplayName("the opener is asked for each mapping of a file, with all that the line says")
    void openerIsAskedForFiles() {
        List<String> asked = new ArrayList<>();
        OpenFile file = OpenFile.named("any").inode(1, 2, 3).open();
        List<Vma> vmas = ProcMaps.parse(LINUX, MAPS, flagLines(" ", ""), (major, minor, inode, name, flags) -> {
            asked.add(major + ":" + minor + " " + inode + " " + name + " " + VmaFlags.format(flags));
            return file;
        });
        assertEquals(
                List.of(
                        "0:1 86315 /memfd:ring (deleted) rd wr sh mr mw me ms",
                        "0:1 86316 /dev/zero (deleted) rd wr sh mr mw me ms",
                        "0:1 4161671 /SYSV00005eed (deleted) rd wr sh mr mw me ms",
                        "254:0 2204476 /tmp/my files/a  b (deleted) rd mr me ms",
                        "254:0 2204476 /tmp/my files/a  b (deleted) rd ex mr mw me",
                        "0:6 4 /dev/zero rd wr mr mw me ac"),
                asked);
        assertEquals(
                List.of("[vvar]", "[vdso]", "[vsyscall]"),
                vmas.stream().map(Vma::name).filter(Objects::nonNull).toList());
        assertEquals(0x1_2345_6789L, vmas.get(2).pageOffset());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "00400000",
                "00400000-00401000",
                "00400000-00401000 rw-p",
                "00400000-00401000 rw-p 00000000",
                "00400000-00401000 rw-p 00000000 00:00",
                "00400000-00401000 rw-p 00000000 0000 0",
                "00400000 00401000 rw-p 00000000 00:00 0",
                "0040000g-00401000 rw-p 00000000 00:00 0",
                "00400000-0040100g rw-p 00000000 00:00 0",
                "00400000- rw-p 00000000 00:00 0",
                "-00401000 rw-p 00000000 00:00 0",
                "10000000000000000-10000000000001000 rw-p 00000000 00:00 0",
                "00401000-00400000 rw-p 00000000 00:00 0",
                "00400000-00400000 rw-p 00000000 00:00 0",
                "00400000-00401000 rwp 00000000 00:00 0",
                "00400000-00401000 rwxps 00000000 00:00 0",
                "00400000-00401000 rw-p offset 00:00 0",
                "00400000-00401000 rw-p 00000000 xx:00 0",
                "00400000-00401000 rw-p 00000000 00:xx 0",
                "00400000-00401000 rw-p 00000000 -1:00 7 /a",
                "00400000-00401000 rw-p 00000000 00:00 inode",
                "00400000-00401000 rw-p 00000000 00:00 -1",
            })
    @DisplayName("a line that cannot be read is named:")
    void malformedLineIsNamed(String line) {
        assertRefused(IllegalArgumentException.class, () -> parseOne(line), "maps line '" + line + "'");
    }

    @ParameterizedTest
    @CsvSource({"1000, 2000", "100000000, 100001000", "2000000000000000, 2000000000001000"})
    @DisplayName("names begin in column 73 however long the addresses are")
    void namesBeginInTheirColumn(String start, String end) {
        long first = Long.parseUnsignedLong(start, 16);
        Geometry large = new Geometry(12, 5, 21, 0, 1L << 62, 1L << 62);
        Vma vma = new Vma(first, Long.parseUnsignedLong(end, 16), VmaFlags.READ, 5, OpenFiles.A, null, null);
        AddressSpace space =
                Machine.builder().build().space(large).load(List.of(vma)).build();
        String line = space.snapshot().maps().get(0);
        assertEquals("A", line.substring(73));
        String prefix = String.format("%08x-%08x r--p 00005000 fe:00 1 ", vma.start(), vma.end());
        assertEquals(prefix + " ".repeat(73 - prefix.length()), line.substring(0, 73));
    }

    @Test
    @DisplayName("the heap is named wherever its memory is, and only that")
    void heapIsNamed() {
        AddressSpace space =
                Machine.builder().build().space(LINUX).heap(HEAP, HEAP).build();
        int fixed = ANON | MapFlags.FIXED;
        space.throwing().mmap(HEAP - PAGE, PAGE, RW, fixed, null, 0);
        assertEquals(List.of(""), names(space));
        space.throwing().brk(HEAP + 3 * PAGE - 1);
        assertEquals(List.of("", "[heap]"), names(space));
        LayoutSnapshot before = space.snapshot();
        space.throwing().mprotect(HEAP + PAGE, PAGE, Protection.READ);
        space.throwing().mmap(HEAP + 2 * PAGE, PAGE, RW, MapFlags.PRIVATE | MapFlags.FIXED, OpenFiles.A, 0);
        space.throwing().mmap(HEAP + 3 * PAGE, PAGE, RW, fixed, null, 0);
        assertEquals(List.of("", "[heap]", "[heap]", "A", ""), names(space));
        space.throwing().mmap(HEAP - PAGE, 2 * PAGE, Protection.NONE, fixed, null, 0);
        assertEquals(List.of("[heap]", "[heap]", "A", ""), names(space));
        space.throwing().brk(HEAP);
        assertEquals(List.of("", ""), names(space));
        assertEquals(2, before.maps().size());
        assertEquals("[heap]", before.maps().get(1).substring(73));
    }

    @Test
    @DisplayName("the main stack is named by an address in it, and stays so when it grows; others have no name")
    void stackIsNamed() {
        AddressSpace space =
                Machine.builder().build().space(LINUX).stack(PLACE + PAGE - 8).build();
        int stack = ANON | MapFlags.FIXED | MapFlags.GROWSDOWN;
        space.throwing().mmap(PLACE - 4000 * PAGE, PAGE, RW, stack, null, 0);
        space.throwing().mmap(PLACE, PAGE, RW, stack, null, 0);
        assertEquals(List.of("", "[stack]"), names(space));
        space.throwing().growStack(PLACE - 9 * PAGE);
        assertEquals(List.of("", "[stack]"), names(space));
        space.throwing().mprotect(PLACE - 5 * PAGE, 5 * PAGE, Protection.READ);
        assertEquals(List.of("", "", "", "[stack]"), names(space));
    }

    private static List<String> names(AddressSpace space) {
        return space.snapshot().maps().stream()
                .map(line -> line.length() > 73 ? line.substring(73) : "")
                .toList();
    }

    @ParameterizedTest
    @CsvSource({
        "rd, 0", "wr, 1", "ex, 2", "sh, 3", "mr, 4", "mw, 5", "me, 6", "ms, 7", "gd, 8", "pf, 10", "lo, 13", "io, 14",
        "sr, 15", "rr, 16", "dc, 17", "de, 18", "lf, 19", "ac, 20", "nr, 21", "ht, 22", "sf, 23", "wf, 25", "dd, 26",
        "mm, 28", "hg, 29", "nh, 30", "mg, 31", "dp, 40", "sl, 42",
    })
    @DisplayName("each attribute has the kernel's two letters")
    void attributesHaveTheirLetters(String letters, int bit) {
        assertEquals(letters, VmaFlags.format(1L << bit));
        assertEquals(1L << bit, VmaFlags.parse(letters));
    }
}
