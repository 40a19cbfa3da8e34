// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Mappings, their flags, their backings, and errors. */
final class VmaTest {
    private static final long RW = VmaFlags.READ | VmaFlags.WRITE;

    @Test
    @DisplayName("a mapping covers what lies between its ends, unsigned")
    void covers() {
        Vma vma = VmArea.describe(0x7fff_f000_0000_0000L, 0x8000_0000_0000_1000L, RW, 5, null, null, null);
        assertTrue(vma.contains(vma.start()));
        assertTrue(vma.contains(Long.MAX_VALUE));
        assertTrue(vma.contains(Long.MIN_VALUE));
        assertFalse(vma.contains(vma.end()));
        assertFalse(vma.contains(vma.start() - 1));
        assertFalse(vma.contains(0));
        assertEquals(0x1000_0000_1000L, vma.length());
        assertThrows(IllegalArgumentException.class, () -> VmArea.describe(8, 8, RW, 0, null, null, null));
        assertThrows(IllegalArgumentException.class, () -> VmArea.describe(-1, 8, RW, 0, null, null, null));
    }

    @Test
    @DisplayName("has wants all of some flags, hasAny one of them")
    void flags() {
        Vma vma = VmArea.describe(0, 8, RW, 0, null, null, null);
        assertTrue(vma.has(RW));
        assertTrue(vma.has(0));
        assertFalse(vma.has(RW | VmaFlags.EXEC));
        assertTrue(vma.hasAny(VmaFlags.WRITE | VmaFlags.EXEC));
        assertFalse(vma.hasAny(VmaFlags.EXEC));
    }

    @Test
    @DisplayName("a mapping without a backing, not the kernel's, and a private one of the zero device are anonymous")
    void anonymous() {
        OpenFile zero = OpenFile.named("/dev/zero").zeroDevice().open();
        OpenFile file = OpenFile.named("/x").open();
        assertTrue(VmArea.describe(0, 8, RW, 0, null, null, null).isAnonymous());
        assertTrue(VmArea.describe(0, 8, RW, 0, zero, null, null).isAnonymous());
        assertFalse(
                VmArea.describe(0, 8, RW | VmaFlags.SHARED, 0, zero, null, null).isAnonymous());
        assertFalse(VmArea.describe(0, 8, RW, 0, file, null, null).isAnonymous());
        assertTrue(VmArea.describe(0, 8, RW, 0, null, "[anon:pool]", null).isAnonymous());
        assertFalse(VmArea.describe(0, 8, RW | VmaFlags.DONTEXPAND, 0, null, "[vdso]", null)
                .isAnonymous());
    }

    @Test
    @DisplayName("two look alike if a user can tell no difference; the identity does not count")
    void looks() {
        OpenFile file = OpenFile.named("/x").open();
        Vma vma = VmArea.describe(0, 8, RW, 3, file, "[n]", null);
        assertTrue(vma.looksLike(VmArea.describe(0, 8, RW, 3, file, "[n]", AnonVma.fresh())));
        for (Vma other : List.of(
                VmArea.describe(1, 8, RW, 3, file, "[n]", null),
                VmArea.describe(0, 9, RW, 3, file, "[n]", null),
                VmArea.describe(0, 8, VmaFlags.READ, 3, file, "[n]", null),
                VmArea.describe(0, 8, RW, 4, file, "[n]", null),
                VmArea.describe(0, 8, RW, 3, OpenFile.named("/x").open(), "[n]", null),
                VmArea.describe(0, 8, RW, 3, file, null, null))) {
            assertFalse(vma.looksLike(other), other::toString);
        }
    }

    @Test
    @DisplayName("toString of a mapping has its range, rights and backing")
    void says() {
        Vma vma = VmArea.describe(0x1000, 0x3000, RW, 1, null, null, null);
        assertEquals("1000-3000 +1 anonymous [rd wr]", vma.toString());
        assertEquals(
                "1000-3000 +1 [vdso] [rd wr]",
                VmArea.describe(0x1000, 0x3000, RW, 1, null, "[vdso]", null).toString());
        OpenFile file = OpenFile.named("/x").open();
        assertEquals(
                "1000-3000 +1 /x [rd wr]",
                VmArea.describe(0x1000, 0x3000, RW, 1, file, null, null).toString());
    }

    @Test
    @DisplayName("VmFlags: two letters each, in the order of the bits, and back")
    void vmFlags() {
        String all = "rd wr ex sh mr mw me ms gd pf gu lo io sr rr dc de lf ac nr ht sf wf dd mm hg nh mg dp sl";
        long bits = VmaFlags.parse(all);
        assertEquals(all, VmaFlags.format(bits));
        assertEquals(30, Long.bitCount(bits));
        assertEquals(bits, VmaFlags.parse("  " + all.replace(" ", "  \t") + " "));
        assertEquals("", VmaFlags.format(0));
        assertEquals(0, VmaFlags.parse(""));
        assertEquals(VmaFlags.SEALED, VmaFlags.parse("sl"));
        IllegalArgumentException unknown = assertThrows(IllegalArgumentException.class, () -> VmaFlags.parse("rd qq"));
        assertTrue(String.valueOf(unknown.getMessage()).contains("'qq'"));
        assertEquals("rd", VmaFlags.format(VmaFlags.READ | 1L << 63), "a bit without a name");
    }

    @Test
    @DisplayName("each open is an identity of its own; the traits are those of its builder")
    void opens() {
        OpenFile.Builder builder = OpenFile.named("/x").inode(8, 1, 42);
        OpenFile one = builder.open();
        OpenFile other = builder.readOnly().open();
        assertNotSame(one, other);
        assertTrue(one.writable() && one.readable() && one.executable() && one.mappable());
        assertFalse(one.appendOnly() || one.swapFile() || one.wantsHugeAlignment() || one.isZeroDevice());
        assertFalse(one.countsMappings() || other.writable());
        assertEquals(Long.MAX_VALUE, one.maximumSize());
        assertEquals("8:1 42", other.major() + ":" + other.minor() + " " + other.inode());
        assertEquals("/x", one.toString());
        OpenFile odd = OpenFile.named("/y")
                .writeOnly()
                .noexec()
                .appendOnly()
                .swapFile()
                .unmappable()
                .hugeAligned()
                .maximumSize(77)
                .open();
        assertTrue(odd.writable() && odd.appendOnly() && odd.swapFile() && odd.wantsHugeAlignment());
        assertFalse(odd.readable() || odd.executable() || odd.mappable());
        assertEquals(77, odd.maximumSize());
    }

    @Test
    @DisplayName("a file without a name, with a negative device or without a size is refused")
    void refusedFiles() {
        assertThrows(IllegalArgumentException.class, () -> OpenFile.named(""));
        OpenFile.Builder builder = OpenFile.named("/x");
        assertThrows(IllegalArgumentException.class, () -> builder.inode(-1, 0, 1));
        assertThrows(IllegalArgumentException.class, () -> builder.inode(0, -1, 1));
        assertThrows(IllegalArgumentException.class, () -> builder.maximumSize(0));
    }

    @Test
    @DisplayName("a backing that only names itself is an ordinary file")
    void leastBacking() {
        Backing least = new Backing() {
            @Override
            public int major() {
                return 1;
            }

            @Override
            public int minor() {
                return 2;
            }

            @Override
            public long inode() {
                return 3;
            }

            @Override
            public String name() {
                return "least";
            }
        };
        assertTrue(least.readable() && least.writable() && least.executable() && least.mappable());
        assertFalse(least.appendOnly() || least.swapFile() || least.wantsHugeAlignment());
        assertFalse(least.isZeroDevice() || least.countsMappings());
        assertEquals(Long.MAX_VALUE, least.maximumSize());
    }

    @Test
    @DisplayName("a segment is shown as its key; each attachment is an open that counts its mappings")
    void segments() {
        SharedSegment segment = new SharedSegment(7, 0xbeef, 5000);
        assertEquals("/SYSV0000beef (deleted)", segment.toString());
        assertEquals(5000, segment.size());
        SharedSegment.Attachment one = segment.attach(true);
        assertSame(segment, one.segment());
        assertNotSame(one, segment.attach(true));
        assertFalse(one.writable());
        assertTrue(one.countsMappings() && segment.attach(false).writable());
        assertEquals("0:1 7", one.major() + ":" + one.minor() + " " + one.inode());
        assertThrows(IllegalArgumentException.class, () -> new SharedSegment(-1, 0, 1));
        assertThrows(IllegalArgumentException.class, () -> new SharedSegment(1, 0, 0));
    }

    @ParameterizedTest
    @EnumSource(Errno.class)
    @DisplayName("an errno is found again from the result of a call")
    void errnos(Errno errno) {
        assertEquals(-errno.number(), errno.result());
        assertTrue(Errno.isError(errno.result()));
        assertSame(errno, Errno.of(errno.result()));
    }

    @Test
    @DisplayName("errors lie in [-4095, -1]; other results are no errno")
    void errorRange() {
        assertTrue(Errno.isError(-1));
        assertTrue(Errno.isError(-4095));
        assertFalse(Errno.isError(-4096));
        assertFalse(Errno.isError(0));
        assertFalse(Errno.isError(Long.MIN_VALUE));
        assertThrows(IllegalArgumentException.class, () -> Errno.of(0));
        assertThrows(IllegalArgumentException.class, () -> Errno.of(-4000));
        MmException exception = new MmException("munmap(0x1)", Errno.EINVAL);
        assertEquals("munmap(0x1): EINVAL", exception.getMessage());
        assertSame(Errno.EINVAL, exception.errno());
    }
}
