// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.SharedSegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The failures of {@code shmat} and {@code shmdt}, and the properties of an attachment. */
final class AttachErrnoTest {
    private static final long PAGE = CallArguments.PAGE;
    private static final long PLACE = CallArguments.PLACE;

    private static final class Shmat extends CallArguments {
        @Nullable
        SharedSegment segment = OpenFiles.FIVE_PAGES;

        long address = PLACE;
        int flags;

        Shmat() {
            map(PLACE + 5 * PAGE, 1);
        }

        @Override
        long call(AddressSpace space) {
            return space.shmat(segment, address, flags);
        }
    }

    @TestFactory
    @DisplayName("shmat")
    List<DynamicTest> shmat() {
        return new ErrnoTable<>(Shmat::new)
                .row(Errno.EINVAL, "not a page boundary", shmat -> {
                    shmat.flags &= ~Mman.RND;
                    shmat.address = PLACE + 1;
                })
                .row(Errno.EINVAL, "no segment", shmat -> shmat.segment = null)
                .row(Errno.EINVAL, "REMAP of nowhere", shmat -> {
                    shmat.flags = Mman.REMAP;
                    shmat.address = 0;
                })
                .row(Errno.EINVAL, "REMAP of what rounds to nowhere", shmat -> {
                    shmat.flags = Mman.REMAP | Mman.RND;
                    shmat.address = PAGE - 1;
                })
                .row(Errno.EINVAL, "something is there", shmat -> shmat.address = PLACE + PAGE)
                .row(Errno.EINVAL, "the end wraps", shmat -> shmat.address = -PAGE)
                .row(Errno.ENOMEM, "beyond the space", shmat -> shmat.address = CallArguments.LIMIT)
                .row(Errno.EPERM, "below the lowest address that may be mapped", shmat -> shmat.address = PAGE)
                .row(Errno.ENOMEM, "over the limit of the space", shmat -> shmat.limit(Resource.AS, 5 * PAGE))
                .tests();
    }

    private static AddressSpace space() {
        return Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
    }

    @Test
    @DisplayName("RND rounds down, REMAP replaces, RDONLY and EXEC decide about rights")
    void flags() {
        AddressSpace space = space();
        assertEquals(PLACE, space.shmat(OpenFiles.FIVE_PAGES, PLACE + 5, Mman.RND | Mman.RDONLY));
        assertEquals(Errno.EINVAL.result(), space.shmat(OpenFiles.ONE_BYTE, PLACE + 4 * PAGE, 0));
        assertEquals(PLACE + PAGE, space.shmat(OpenFiles.ONE_BYTE, PLACE + PAGE, Mman.REMAP | Mman.SHM_EXEC));
        assertEquals("""
            10000000-10001000 rd mr me ms +0 /SYSV00001234 (deleted)#1
            10001000-10002000 rd wr ex sh mr mw me ms +0 /SYSV00000000 (deleted)#2
            10002000-10005000 rd mr me ms +2 /SYSV00001234 (deleted)#1
            """, LayoutText.of(space));
        assertEquals(Errno.EACCES.result(), space.mprotect(PLACE, PAGE, CallArguments.RW));
        assertEquals(Errno.EPERM.result(), space.shmat(OpenFiles.ONE_BYTE, PAGE - 1, Mman.RND));
    }

    @Test
    @DisplayName("shmdt: EINVAL where nothing is attached; else every piece of that attachment goes, and no other")
    void shmdt() {
        AddressSpace space = space();
        space.throwing().shmat(OpenFiles.FIVE_PAGES, PLACE, 0);
        assertEquals(Errno.EINVAL.result(), space.shmdt(PLACE + 1));
        assertEquals(Errno.EINVAL.result(), space.shmdt(PLACE + PAGE));
        assertEquals(Errno.EINVAL.result(), space.shmdt(PLACE + 64 * PAGE));
        space.throwing().mprotect(PLACE + PAGE, PAGE, Mman.READ);
        space.throwing().munmap(PLACE + 3 * PAGE, PAGE);
        space.throwing().shmat(OpenFiles.ONE_BYTE, PLACE + 3 * PAGE, 0);
        assertEquals(0, space.shmdt(PLACE));
        assertEquals("10003000-10004000 rd wr sh mr mw me ms +0 /SYSV00000000 (deleted)#1\n", LayoutText.of(space));
        assertEquals(Errno.EINVAL.result(), space.shmdt(PLACE));
        assertEquals(0, space.shmdt(PLACE + 3 * PAGE));
        assertEquals("", LayoutText.of(space));
    }

    @Test
    @DisplayName("shmdt finds an attachment whose first pages are gone, and leaves the moved pages")
    void shmdtOfPieces() {
        AddressSpace space = space();
        space.throwing().shmat(OpenFiles.FIVE_PAGES, PLACE, 0);
        space.throwing().munmap(PLACE, PAGE);
        long away = PLACE + 64 * PAGE;
        assertEquals(away, space.mremap(PLACE + 4 * PAGE, PAGE, PAGE, 3, away));
        assertEquals(0, space.shmdt(PLACE));
        assertEquals("10040000-10041000 rd wr sh mr mw me ms +4 /SYSV00001234 (deleted)#1\n", LayoutText.of(space));
    }
}
