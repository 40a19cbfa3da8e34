// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.internal.op.RetiringCall.FIXED;
import static dev.samara.core.internal.op.RetiringCall.LINUX;
import static dev.samara.core.internal.op.RetiringCall.PAGE;
import static dev.samara.core.internal.op.RetiringCall.RW;
import static dev.samara.core.internal.op.RetiringCall.map;
import static dev.samara.core.internal.op.RetiringCall.page;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.LockFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.mman.ShmFlags;
import dev.samara.core.mman.SyncFlags;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Reports and refusals name a call with the arguments that it was given")
final class CallTextTest {
    private static final String HERE = "0x" + Long.toHexString(page(16));

    /** A call on a page that is in flight, and its name in messages. */
    private record Named(String text, long at, ToLongFunction<AddressSpace> call) {
        @Override
        public String toString() {
            return text;
        }
    }

    private static Named row(String text, ToLongFunction<AddressSpace> call) {
        return new Named(text.replace("HERE", HERE), page(16), call);
    }

    static Stream<Named> rows() {
        long at = page(16);
        long heap = LINUX.defaultHeap();
        String end = "0x" + Long.toHexString(heap);
        int move = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;
        return List.of(
                row("mmap(HERE, 0x1000, 0x1, 0x32, 0x0)", it -> it.mmap(at, PAGE, 1, FIXED, null, 0)),
                row("munmap(HERE, 0x1000)", it -> it.munmap(at, PAGE)),
                row("mprotect(HERE, 0x1000, 0x5)", it -> it.mprotect(at, PAGE, 5)),
                row("mremap(HERE, 0x1000, 0x2000, 0x3, 0x7000)", it -> it.mremap(at, PAGE, 2 * PAGE, move, 7 * PAGE)),
                row("madvise(HERE, 0x1000, 0xa)", it -> it.madvise(at, PAGE, Advice.DONTFORK)),
                row("mlock2(HERE, 0x1000, 0x0)", it -> it.mlock(at, PAGE)),
                row("mlock2(HERE, 0x1000, 0x1)", it -> it.mlock2(at, PAGE, LockFlags.ONFAULT)),
                row("munlock(HERE, 0x1000)", it -> it.munlock(at, PAGE)),
                row("mlockall(0x3)", it -> it.mlockall(3)),
                row("munlockall", AddressSpace::munlockall),
                row("msync(HERE, 0x1000, 0x4)", it -> it.msync(at, PAGE, SyncFlags.SYNC)),
                row("remap_file_pages(HERE, 0x1000, 0x0, 0x2, 0x0)", it -> it.remapFilePages(at, PAGE, 0, 2, 0)),
                row("set_anon_vma_name(HERE, 0x1000, pool)", it -> it.setAnonymousName(at, PAGE, "pool")),
                row("mseal(HERE, 0x1000, 0x0)", it -> it.mseal(at, PAGE, 0)),
                row(
                        "shmat(" + OpenFiles.ONE_BYTE + ", HERE, 0x4000)",
                        it -> it.shmat(OpenFiles.ONE_BYTE, at, ShmFlags.REMAP)),
                new Named("shmdt(0x" + Long.toHexString(page(20)) + ")", page(20), it -> it.shmdt(page(20))),
                new Named("brk(" + end + ")", heap, it -> it.brk(heap)))
                .stream();
    }

    @ParameterizedTest
    @MethodSource("rows")
    @DisplayName("each call in turn")
    void named(Named row) {
        HeldOperations holding = new HeldOperations();
        AddressSpace space = holding.machine().newSpace(LINUX);
        map(space, 16, 1, RW);
        assertEquals(page(20), space.shmat(OpenFiles.ONE_BYTE, page(20), 0));
        long heap = LINUX.defaultHeap();
        assertEquals(heap + PAGE, space.brk(heap + PAGE));
        AtomicReference<@Nullable IllegalStateException> thrown = new AtomicReference<>();
        holding.duringNext(() -> thrown.set(
                assertThrows(IllegalStateException.class, () -> row.call().applyAsLong(space))));
        assertEquals(0, space.mprotect(row.at(), PAGE, Protection.READ));
        IllegalStateException refusal = thrown.get();
        assertNotNull(refusal);
        String message = String.valueOf(refusal.getMessage());
        assertEquals(row.text(), message.substring(0, message.indexOf(" was called by")));
    }
}
