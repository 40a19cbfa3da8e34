// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static dev.samara.core.fixture.Refusal.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Machine;
import dev.samara.core.ProcMaps;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
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

/** Reading the text of {@code /proc/PID/maps} and of VmFlags, and printing it again. */
@DisplayName("Maps and VmFlags as Linux prints them")
final class ProcMapsTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final long PLACE = 0x2000_0000_0000L;
    private static final long HEAP = 0x5555_5555_9000L;
    private static final long BRK = 0x5555_5573_3000L;
    private static final long STACK = 0x7fff_ffff_e720L;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int ANON = Mman.PRIVATE | Mman.ANONYMOUS;

    /** Lines as printed by a live Linux. */
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

    /** The VmFlags of the same mappings. */
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

    private static List<Vma> parseThird(String line) {
        List<String> lines = new ArrayList<>(MAPS.subList(0, 2));
        lines.add(line);
        return parse(lines, List.of());
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
    @DisplayName("without VmFlags a mapping has those that one with such rights usually has")
    void usualFlags() {
        List<Vma> vmas = parse(MAPS, List.of());
        assertEquals("rd wr mr mw me ac", VmaFlags.format(vmas.get(0).flags()));
        assertEquals("rd mr mw me", VmaFlags.format(vmas.get(10).flags()));
        assertEquals("rd ex mr mw me", VmaFlags.format(vmas.get(6).flags()));
        assertEquals("rd wr sh mr mw me ms", VmaFlags.format(vmas.get(2).flags()));
        assertEquals(MAPS, load(vmas).snapshot().maps());
    }

    @Test
    @DisplayName("ranges, offsets in pages, one open for each inode, and special names are read")
    void partsOfALine() {
        List<Vma> vmas = parse(MAPS, flagLines(" ", ""));
        Vma code = vmas.get(6);
        assertEquals(0x300_0003_1000L, code.start());
        assertEquals(0x300_0003_2000L, code.end());
        assertEquals(2, code.pageOffset());
        assertSame(vmas.get(5).backing(), code.backing());
        Backing file = code.backing();
        assertNotNull(file);
        assertEquals("/tmp/my files/a  b (deleted)", file.name());
        assertEquals("fe 0 2204476", Integer.toHexString(file.major()) + " " + file.minor() + " " + file.inode());
        assertEquals(0x3000_0040L, vmas.get(7).pageOffset(), "of memory: the page it lies on");
        assertNull(vmas.get(11).name(), "the heap is a name of a place");
        assertEquals("[vdso]", vmas.get(13).name());
        assertNull(vmas.get(14).name());
    }

    @Test
    @DisplayName("a System V segment with number 0 is on a device, so it is not anonymous")
    void segmentZero() {
        String line =
                "7ffff7fb0000-7ffff7fb2000 rw-s 00001000 00:01 0                          /SYSV00000000 (deleted)";
        AddressSpace space = load(parse(List.of(line), List.of()));
        assertEquals(List.of(line), space.snapshot().maps());
        Vma vma = space.snapshot().vmas().get(0);
        assertEquals(1, vma.pageOffset());
        assertEquals(0, Objects.requireNonNull(vma.backing()).inode());
    }

    @Test
    @DisplayName("the output of a space is read as an equal layout")
    void readAsPrinted() {
        AddressSpace space = load(List.of());
        int fixed = Mman.FIXED;
        space.throwing().mmap(PLACE, 9 * PAGE, RW, ANON | fixed, null, 0);
        space.throwing().mprotect(PLACE + 2 * PAGE, 3 * PAGE, Mman.READ);
        space.throwing().mlock(PLACE + 7 * PAGE, PAGE);
        space.throwing().mmap(PLACE + 20 * PAGE, 4 * PAGE, RW, Mman.SHARED | fixed, OpenFiles.A, 3 * PAGE);
        space.throwing().munmap(PLACE + 21 * PAGE, PAGE);
        space.throwing().mmap(PLACE + 30 * PAGE, PAGE, RW, ANON | fixed | Mman.GROWSDOWN, null, 0);
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

    @Test
    @DisplayName("two maps of one inode with names of different opens are one open; another inode is another")
    void oneOpenOfAnInode() {
        ProcMaps.Opener opener = ProcMaps.openOnce();
        assertSame(opener.open(8, 1, 5, "/a", 0), opener.open(8, 1, 5, "/b", 0));
        assertTrue(opener.open(8, 1, 5, "/a", 0) != opener.open(8, 1, 6, "/a", 0));
        assertTrue(opener.open(8, 1, 5, "/a", 0) != opener.open(8, 2, 5, "/a", 0));
        assertTrue(opener.open(9, 1, 5, "/a", 0) != opener.open(8, 1, 5, "/a", 0));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "nonsense",
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
                "00400000-00401000 r--p 00000000 fe:00 1",
            })
    @DisplayName("a line that cannot be read is refused, and named:")
    void malformedLineIsNamed(String line) {
        assertRefused(IllegalArgumentException.class, () -> parseThird(line), "maps line '" + line + "'");
    }

    @Test
    @DisplayName("VmFlags for another range, with an unknown name, or too few of them are refused")
    void refusedFlags() {
        List<String> one = MAPS.subList(0, 1);
        for (String flags : List.of("00400000-00402000 rd", "00401000-00401000 rd", "00400000-00401000 rd qq", "rd")) {
            IllegalArgumentException refused = assertThrows(
                    IllegalArgumentException.class,
                    () -> ProcMaps.parse(LINUX, one, List.of(flags), ProcMaps.openOnce()));
            assertTrue(String.valueOf(refused.getMessage()).contains(one.get(0)), refused::getMessage);
        }
        assertThrows(
                IllegalArgumentException.class,
                () -> parse(MAPS, flagLines(" ", "").subList(1, 3)));
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
