// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.internal.op.RetiringCall.ANONYMOUS;
import static dev.samara.core.internal.op.RetiringCall.FIXED;
import static dev.samara.core.internal.op.RetiringCall.MOVE;
import static dev.samara.core.internal.op.RetiringCall.PAGE;
import static dev.samara.core.internal.op.RetiringCall.RW;
import static dev.samara.core.internal.op.RetiringCall.page;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Mman;

/** An operation that names a range: a column of the table of what may run concurrently with an operation in flight. */
enum RangeCall {
    MMAP_FIXED((space, first, pages) -> space.mmap(page(first), pages * PAGE, RW, FIXED, null, 0)),
    MMAP_FIXED_PART((space, first, pages) -> space.mmap(page(first + 1), PAGE, RW, FIXED, null, 0)),
    MMAP_FIXED_NOREPLACE((space, first, pages) ->
            space.mmap(page(first), pages * PAGE, RW, ANONYMOUS | Mman.FIXED_NOREPLACE, null, 0)),
    MUNMAP((space, first, pages) -> space.munmap(page(first), pages * PAGE)),
    MUNMAP_LAST_PAGE((space, first, pages) -> space.munmap(page(first + pages - 1), PAGE)),
    MPROTECT_NARROWS((space, first, pages) -> space.mprotect(page(first), pages * PAGE, Mman.NONE)),
    MPROTECT_WIDENS((space, first, pages) -> space.mprotect(page(first), pages * PAGE, RW | Mman.EXEC)),
    MADVISE((space, first, pages) -> space.madvise(page(first), pages * PAGE, Mman.DONTFORK)),
    MADVISE_GUARD((space, first, pages) -> space.madvise(page(first), pages * PAGE, Mman.GUARD_INSTALL)),
    MLOCK((space, first, pages) -> space.mlock(page(first), pages * PAGE)),
    MUNLOCK((space, first, pages) -> space.munlock(page(first), pages * PAGE)),
    MSYNC((space, first, pages) -> space.msync(page(first), pages * PAGE, Mman.SYNC)),
    MSEAL((space, first, pages) -> space.mseal(page(first), pages * PAGE, 0)),
    SET_ANON_NAME((space, first, pages) -> space.setAnonymousName(page(first), pages * PAGE, "pool")),
    MREMAP_FROM((space, first, pages) ->
            space.mremap(page(first), pages * PAGE, pages * PAGE, MOVE | Mman.MREMAP_FIXED, page(200))),
    MREMAP_FROM_DONTUNMAP((space, first, pages) ->
            space.mremap(page(first), pages * PAGE, pages * PAGE, MOVE | Mman.DONTUNMAP, page(200))),
    MREMAP_TO((space, first, pages) ->
            space.mremap(page(128), pages * PAGE, pages * PAGE, MOVE | Mman.MREMAP_FIXED, page(first))),
    MREMAP_SHRINK((space, first, pages) -> space.mremap(page(first), pages * PAGE, PAGE, 0, 0)),
    REMAP_FILE_PAGES((space, first, pages) -> space.remapFilePages(page(first), pages * PAGE, 0, 1, 0)),
    SHMAT((space, first, pages) -> space.shmat(OpenFiles.ONE_BYTE, page(first), 0)),
    SHMAT_REMAP((space, first, pages) -> space.shmat(OpenFiles.ONE_BYTE, page(first), Mman.REMAP)),
    MLOCKALL((space, first, pages) -> space.mlockall(Mman.CURRENT)),
    MUNLOCKALL((space, first, pages) -> space.munlockall()),
    CLOSE((space, first, pages) -> {
        space.close();
        return 0;
    });

    /** A call. */
    @FunctionalInterface
    private interface Call {
        long on(AddressSpace space, long first, long pages);
    }

    @SuppressWarnings("ImmutableEnumChecker") // lambdas that capture nothing
    private final Call call;

    RangeCall(Call call) {
        this.call = call;
    }

    /** Makes the call for a range, given in pages. */
    long run(AddressSpace space, long first, long pages) {
        return call.on(space, first, pages);
    }

    /** Returns whether the call names the whole space, not just the range. */
    boolean namesEverything() {
        return this == MLOCKALL || this == MUNLOCKALL || this == CLOSE;
    }
}
