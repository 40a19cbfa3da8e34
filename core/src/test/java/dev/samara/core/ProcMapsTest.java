// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ProcMapsTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;

    /** Of a real program, with the padding that the kernel gives a name. */
    private static final List<String> REAL = List.of(
            "00400000-00401000 r--p 00000000 fe:00 22937                              /opt/a program/bin/it",
            "00401000-0049a000 r-xp 00001000 fe:00 22937                              /opt/a program/bin/it",
            "004be000-004c2000 rw-p 000bd000 fe:00 22937                              /opt/a program/bin/it",
            "004c2000-004e9000 rw-p 00000000 00:00 0                                  [heap]",
            "7ffff7bfe000-7ffff7bff000 rw-s 00002000 00:01 3075                       /dev/zero (deleted)",
            "7ffff7ff9000-7ffff7ffb000 rw-p 00000000 00:00 0 ",
            "7ffff7ffb000-7ffff7fff000 r--p 00000000 00:00 0                          [vvar]",
            "7ffff7fff000-7ffff8001000 r-xp 00000000 00:00 0                          [vdso]",
            "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]",
            "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]");

    private static final List<String> FLAGS = List.of(
            "00400000-00401000 rd mr mw me",
            "00401000-0049a000 rd ex mr mw me",
            "004be000-004c2000 rd wr mr mw me ac",
            "004c2000-004e9000 rd wr mr mw me ac",
            "7ffff7bfe000-7ffff7bff000 rd wr sh mr mw me ms",
            "7ffff7ff9000-7ffff7ffb000 rd wr mr mw me ac",
            "7ffff7ffb000-7ffff7fff000 rd mr pf io de dd",
            "7ffff7fff000-7ffff8001000 rd ex mr mw me de",
            "7ffffffde000-7ffffffff000 rd wr mr mw me gd ac",
            "ffffffffff600000-ffffffffff601000 ex");

    private static AddressSpace load(List<String> maps, List<String> flags) {
        return Machine.builder()
                .build()
                .space(LINUX)
                .heap(0x4c2000, 0x4e9000)
                .stack(0x7ffffffff000L - 0x700)
                .load(ProcMaps.parse(LINUX, maps, flags, ProcMaps.openOnce()))
                .build();
    }

    @Test
    @DisplayName("the kernel's lines come out as they went in, to the last space")
    void roundTrip() {
        AddressSpace space = load(REAL, FLAGS);
        assertEquals(REAL, space.snapshot().maps());
        assertEquals(FLAGS, space.snapshot().vmFlags());
        space.validate();
        List<String> again = load(space.snapshot().maps(), space.snapshot().vmFlags())
                .snapshot()
                .maps();
        assertEquals(REAL, again);
    }

    @Test
    @DisplayName("without VmFlags a mapping has those that one with such rights usually has")
    void usualFlags() {
        List<Vma> vmas = ProcMaps.parse(LINUX, REAL, List.of(), ProcMaps.openOnce());
        assertEquals("rd mr mw me", VmaFlags.format(vmas.get(0).flags()));
        assertEquals("rd ex mr mw me", VmaFlags.format(vmas.get(1).flags()));
        assertEquals("rd wr mr mw me ac", VmaFlags.format(vmas.get(2).flags()));
        assertEquals("rd wr sh mr mw me ms", VmaFlags.format(vmas.get(4).flags()));
        assertEquals(REAL, load(REAL, List.of()).snapshot().maps());
    }

    @Test
    @DisplayName("what is read: ranges, offsets in pages, one open for each inode, special names")
    void read() {
        List<Vma> vmas = ProcMaps.parse(LINUX, REAL, FLAGS, ProcMaps.openOnce());
        Vma data = vmas.get(2);
        assertEquals(0x4be000, data.start());
        assertEquals(0x4c2000, data.end());
        assertEquals(0xbd, data.pageOffset());
        assertSame(vmas.get(0).backing(), data.backing());
        assertNotNull(data.backing());
        assertEquals("/opt/a program/bin/it", data.backing().name());
        assertEquals(
                "fe 0 22937",
                Integer.toHexString(data.backing().major()) + " "
                        + data.backing().minor() + " " + data.backing().inode());
        assertEquals(0x7ffff7ff9L, vmas.get(5).pageOffset(), "of memory: the page it lies on");
        assertNull(vmas.get(3).name(), "the heap is a name of a place");
        assertEquals("[vdso]", vmas.get(7).name());
        assertNull(vmas.get(8).name());
    }

    @Test
    @DisplayName("a System V segment with number 0 is on a device, so it is not anonymous")
    void segmentZero() {
        String line =
                "7ffff7fb0000-7ffff7fb2000 rw-s 00001000 00:01 0                          /SYSV00000000 (deleted)";
        AddressSpace space = load(List.of(line), List.of());
        assertEquals(List.of(line), space.snapshot().maps());
        Vma vma = space.snapshot().vmas().get(0);
        assertEquals(1, vma.pageOffset());
        assertEquals(0, Objects.requireNonNull(vma.backing()).inode());
    }

    @Test
    @DisplayName("what lies above the space is shown and cannot be changed")
    void gates() {
        AddressSpace space = load(REAL, FLAGS);
        long gate = 0xffff_ffff_ff60_0000L;
        assertNull(space.find(gate));
        assertEquals(Errno.EINVAL.result(), space.munmap(gate, 0x1000));
        assertEquals(9, space.usage().maps());
        assertTrue(space.fork().snapshot().maps().contains(REAL.get(9)));
        space.close();
        assertEquals(List.of(REAL.get(9)), space.snapshot().maps());
    }

    @Test
    @DisplayName("the heap and the stack are named by where they are; memory beside them is not")
    void namesOfPlaces() {
        AddressSpace space = load(REAL.subList(3, 4), List.of());
        space.throwing().brk(0x4eb000);
        int fixed = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;
        space.throwing().mmap(0x600000, 0x1000, Protection.READ, fixed, null, 0);
        space.throwing().mprotect(0x4c4000, 0x1000, Protection.READ);
        assertEquals(
                List.of(
                        "004c2000-004c4000 rw-p 00000000 00:00 0                                  [heap]",
                        "004c4000-004c5000 r--p 00000000 00:00 0                                  [heap]",
                        "004c5000-004eb000 rw-p 00000000 00:00 0                                  [heap]",
                        "00600000-00601000 r--p 00000000 00:00 0 "),
                space.snapshot().maps());
    }

    @Test
    @DisplayName("what lies above and below the main stack has no name")
    void besideTheStack() {
        AddressSpace space =
                Machine.builder().build().space(LINUX).stack(0x600800).build();
        int fixed = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;
        for (int page = 0; page < 5; page += 2) {
            space.throwing().mmap(0x5fe000 + page * 0x1000L, 0x1000, Protection.READ, fixed, null, 0);
        }
        assertEquals(
                List.of(
                        "005fe000-005ff000 r--p 00000000 00:00 0 ",
                        "00600000-00601000 r--p 00000000 00:00 0                                  [stack]",
                        "00602000-00603000 r--p 00000000 00:00 0 "),
                space.snapshot().maps());
    }

    @Test
    @DisplayName("two maps of one inode with names of different opens are one open; another inode is another")
    void openOnce() {
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
                "00400000 r--p 00000000 fe:00 1 /x",
                "00400000-0040z000 r--p 00000000 fe:00 1 /x",
                "00401000-00400000 r--p 00000000 fe:00 1 /x",
                "00400000-00401000 r--p",
                "00400000-00401000 r-- 00000000 fe:00 1 /x",
                "00400000-00401000 r--p 0000000g fe:00 1 /x",
                "00400000-00401000 r--p 00000000 fe00 1 /x",
                "00400000-00401000 r--p 00000000 fe:00 q /x",
                "00400000-00401000 r--p 00000000 fe:00 1",
                "10000000000000000-10000000000001000 r--p 00000000 fe:00 1 /x"
            })
    @DisplayName("a line that cannot be read is refused, and named")
    void refusedLine(String line) {
        List<String> lines = new ArrayList<>(REAL.subList(0, 2));
        lines.add(line);
        IllegalArgumentException refused = assertThrows(
                IllegalArgumentException.class, () -> ProcMaps.parse(LINUX, lines, List.of(), ProcMaps.openOnce()));
        assertTrue(String.valueOf(refused.getMessage()).contains("'" + line + "'"), refused::getMessage);
    }

    @Test
    @DisplayName("VmFlags for another range, with an unknown name, or too few of them are refused")
    void refusedFlags() {
        List<String> one = REAL.subList(0, 1);
        for (String flags : List.of("00400000-00402000 rd", "00401000-00401000 rd", "00400000-00401000 rd qq", "rd")) {
            IllegalArgumentException refused = assertThrows(
                    IllegalArgumentException.class,
                    () -> ProcMaps.parse(LINUX, one, List.of(flags), ProcMaps.openOnce()));
            assertTrue(String.valueOf(refused.getMessage()).contains(one.get(0)), refused::getMessage);
        }
        assertThrows(
                IllegalArgumentException.class,
                () -> ProcMaps.parse(LINUX, REAL, FLAGS.subList(1, 3), ProcMaps.openOnce()));
        List<Vma> none = ProcMaps.parse(LINUX, one, List.of("00400000-00401000"), ProcMaps.openOnce());
        assertEquals(0, none.get(0).flags());
    }

    @Test
    @DisplayName("what is loaded must be aligned, apart, and on one side of the limit")
    void refusedLoads() {
        Vma vma = new Vma(0x1000, 0x3000, VmaFlags.READ, 1, null, null, null);
        for (Vma other : List.of(
                new Vma(0x2000, 0x4000, VmaFlags.READ, 2, null, null, null),
                new Vma(0x5001, 0x6000, VmaFlags.READ, 2, null, null, null),
                new Vma(0x5000, 0x6001, VmaFlags.READ, 2, null, null, null),
                new Vma(0x5000, LINUX.limit() + 0x1000, VmaFlags.READ, 2, null, null, null))) {
            AddressSpaceBuilder builder = Machine.builder().build().space(LINUX).load(List.of(vma, other));
            assertThrows(IllegalArgumentException.class, builder::build, other::toString);
        }
        AddressSpaceBuilder builder = Machine.builder().build().space(LINUX);
        assertThrows(IllegalArgumentException.class, () -> builder.heap(0x2000, 0x1000));
        assertThrows(IllegalArgumentException.class, () -> builder.heap(0x2000, LINUX.limit() + 1));
    }
}
