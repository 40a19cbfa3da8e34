// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The failures of {@code mprotect}, their order, and the changes that it made before it failed. */
final class ProtectErrnoTest {
    private static final long PAGE = CallArguments.PAGE;
    private static final long PLACE = CallArguments.PLACE;
    private static final int RW = CallArguments.RW;
    private static final int FIXED = CallArguments.ANON | MapFlags.FIXED;

    /** A call that makes three pages of a mapping of five pages writable. */
    private static final class Mprotect extends CallArguments {
        long address = PLACE + PAGE;
        long length = 3 * PAGE;
        int protection = RW;

        /** Whether the mapping is of a file that is open only for reading. */
        boolean ofFile;

        Mprotect() {
            before(space -> {
                int flags = ofFile ? MapFlags.SHARED | MapFlags.FIXED : FIXED;
                space.throwing().mmap(PLACE, 5 * PAGE, Protection.READ, flags, OpenFiles.R, 0);
            });
        }

        @Override
        long call(AddressSpace space) {
            return space.mprotect(address, length, protection);
        }
    }

    @TestFactory
    @DisplayName("mprotect")
    List<DynamicTest> mprotect() {
        return new ErrnoTable<>(Mprotect::new)
                .row(
                        Errno.EINVAL,
                        "both GROWS bits",
                        mprotect -> mprotect.protection |= Protection.PROT_GROWSDOWN | Protection.PROT_GROWSUP)
                .row(Errno.EINVAL, "not a page boundary", mprotect -> mprotect.address++)
                .row(Errno.ENOMEM, "the range wraps", mprotect -> mprotect.length = -2 * PAGE)
                .row(Errno.ENOMEM, "the length rounds to 0", mprotect -> mprotect.length = -1)
                .row(Errno.EINVAL, "a bit that no right has", mprotect -> mprotect.protection |= 0x10)
                .row(Errno.ENOMEM, "nothing there", mprotect -> mprotect.address += 16 * PAGE)
                .row(
                        Errno.EINVAL,
                        "GROWSDOWN without a stack",
                        mprotect -> mprotect.protection |= Protection.PROT_GROWSDOWN)
                .row(Errno.ENOMEM, "a hole at the start", mprotect -> mprotect.address = PLACE - PAGE)
                .row(
                        Errno.EINVAL,
                        "GROWSUP, which nothing does",
                        mprotect -> mprotect.protection |= Protection.PROT_GROWSUP)
                .row(Errno.EACCES, "a shared file open for reading", mprotect -> mprotect.ofFile = true)
                .row(Errno.EPERM, "sealed", mprotect -> mprotect.seal(PLACE, 5))
                .row(Errno.ENOMEM, "over the limit of data", mprotect -> mprotect.limit(Resource.DATA, 2 * PAGE))
                .row(Errno.ENOMEM, "more than can be promised", mprotect -> mprotect.machine.commitLimit(2 * PAGE))
                .row(Errno.ENOMEM, "would make too many mappings", mprotect -> mprotect.machine.maxMapCount(1))
                .tests();
    }

    private static AddressSpace fivePages(int protection) {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(PLACE, 5 * PAGE, protection, FIXED, null, 0);
        return space;
    }

    @Test
    @DisplayName("length 0 succeeds once the address is a page boundary, whatever is or is not there")
    void lengthZero() {
        AddressSpace space = fivePages(RW);
        String before = LayoutText.of(space);
        assertEquals(0, space.mprotect(PLACE, 0, Protection.NONE));
        assertEquals(0, space.mprotect(PLACE, 0, 0x70));
        assertEquals(0, space.mprotect(-PAGE, 0, Protection.NONE));
        assertEquals(Errno.EINVAL.result(), space.mprotect(PLACE + 1, 0, Protection.NONE));
        assertEquals(
                Errno.EINVAL.result(), space.mprotect(PLACE, 0, Protection.PROT_GROWSDOWN | Protection.PROT_GROWSUP));
        assertEquals(before, LayoutText.of(space));
    }

    @Test
    @DisplayName("a hole behind: ENOMEM, and what lies before it is changed")
    void changedUpToTheHole() {
        AddressSpace space = fivePages(RW);
        space.throwing().munmap(PLACE + 2 * PAGE, PAGE);
        assertEquals(Errno.ENOMEM.result(), space.mprotect(PLACE + PAGE, 3 * PAGE, Protection.READ));
        assertEquals("""
            10000000-10001000 rd wr mr mw me ac +10000
            10001000-10002000 rd mr mw me +10001
            10003000-10005000 rd wr mr mw me ac +10003
            """, LayoutText.of(space));
        assertEquals(Errno.ENOMEM.result(), space.mprotect(PLACE + 3 * PAGE, 3 * PAGE, Protection.READ));
        assertEquals(3, space.usage().maps());
    }

    @Test
    @DisplayName("a seal behind: EPERM, and what lies before it is changed")
    void changedUpToTheSeal() {
        AddressSpace space = fivePages(RW);
        space.throwing().mseal(PLACE + 3 * PAGE, PAGE, 0);
        assertEquals(Errno.EPERM.result(), space.mprotect(PLACE, 5 * PAGE, Protection.READ));
        assertEquals("""
            10000000-10003000 rd mr mw me +10000
            10003000-10004000 rd wr mr mw me ac sl +10003
            10004000-10005000 rd wr mr mw me ac +10004
            """, LayoutText.of(space));
        assertEquals(Errno.EPERM.result(), space.mprotect(PLACE + 3 * PAGE, PAGE, RW), "same rights, sealed");
    }

    @Test
    @DisplayName("a mapping behind that may not be written: EACCES, and what lies before it is changed")
    void changedUpToTheRefusal() {
        AddressSpace space = fivePages(Protection.READ);
        space.throwing()
                .mmap(PLACE + 2 * PAGE, PAGE, Protection.READ, MapFlags.SHARED | MapFlags.FIXED, OpenFiles.R, 0);
        assertEquals(Errno.EACCES.result(), space.mprotect(PLACE + PAGE, 4 * PAGE, RW));
        assertEquals("""
            10000000-10001000 rd mr mw me +10000
            10001000-10002000 rd wr mr mw me ac +10001
            10002000-10003000 rd mr me ms +0 R#1
            10003000-10005000 rd mr mw me +10003
            """, LayoutText.of(space));
    }

    @Test
    @DisplayName("too many mappings: the middle stays one with its tail, cut at the start only")
    void theSecondCutIsOneTooMany() {
        AddressSpace space = Machine.builder().maxMapCount(2).build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(PLACE, 5 * PAGE, RW, FIXED, null, 0);
        assertEquals(Errno.ENOMEM.result(), space.mprotect(PLACE + 2 * PAGE, PAGE, Protection.READ));
        assertEquals("""
            10000000-10002000 rd wr mr mw me ac +10000
            10002000-10005000 rd wr mr mw me ac +10002
            """, LayoutText.of(space));
        assertEquals(Errno.ENOMEM.result(), space.mprotect(PLACE + PAGE, PAGE, Protection.READ));
        assertEquals(0, space.mprotect(PLACE + 2 * PAGE, 3 * PAGE, Protection.READ), "needs no cut");
        assertEquals(0, space.mprotect(PLACE + PAGE, PAGE, Protection.READ), "moves the border only");
        assertEquals(2, space.usage().maps());
    }

    @Test
    @DisplayName("GROWSDOWN reaches down to the start of a stack, over a hole at the start too")
    void growsdownOfAStack() {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(PLACE, 5 * PAGE, RW, FIXED | MapFlags.GROWSDOWN, null, 0);
        int down = Protection.READ | Protection.PROT_GROWSDOWN;
        assertEquals(0, space.mprotect(PLACE + 3 * PAGE, PAGE, down));
        assertEquals("""
            10000000-10004000 rd mr mw me gd +10000
            10004000-10005000 rd wr mr mw me gd ac +10004
            """, LayoutText.of(space));
        assertEquals(0, space.mprotect(PLACE - 2 * PAGE, 7 * PAGE, down));
        assertEquals("10000000-10005000 rd mr mw me gd +10000\n", LayoutText.of(space));
        assertEquals(Errno.ENOMEM.result(), space.mprotect(PLACE - 4 * PAGE, 3 * PAGE, down));
    }

    @Test
    @DisplayName("memory that was never written is charged while it is writable, and no longer")
    void chargedWhileWritable() {
        AddressSpace space = fivePages(Protection.READ);
        assertEquals(0, space.machine().committed());
        assertEquals(0, space.mprotect(PLACE + PAGE, 2 * PAGE, RW));
        assertEquals(2 * PAGE, space.machine().committed());
        assertEquals(0, space.mprotect(PLACE + PAGE, PAGE, Protection.NONE));
        assertEquals(PAGE, space.machine().committed());
    }

    @Test
    @DisplayName("a private file mapping that was writable once stays charged")
    void aFileStaysCharged() {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        int fixed = MapFlags.PRIVATE | MapFlags.FIXED;
        space.throwing().mmap(PLACE, 2 * PAGE, Protection.READ, fixed, OpenFiles.A, 0);
        assertEquals(0, space.mprotect(PLACE, PAGE, RW));
        assertEquals(0, space.mprotect(PLACE, PAGE, Protection.READ));
        assertEquals(PAGE, space.machine().committed());
        assertEquals("""
            10000000-10001000 rd mr mw me ac +0 A#1
            10001000-10002000 rd mr mw me +1 A#1
            """, LayoutText.of(space));
    }

    @Test
    @DisplayName("PROT_SEM is accepted and has no effect")
    void sem() {
        AddressSpace space = fivePages(RW);
        String before = LayoutText.of(space);
        assertEquals(0, space.mprotect(PLACE + PAGE, PAGE, RW | Protection.SEM));
        assertEquals(before, LayoutText.of(space));
    }
}
