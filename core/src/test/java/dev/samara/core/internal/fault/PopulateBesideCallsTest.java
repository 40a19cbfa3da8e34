// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.FrameStore;
import java.util.Objects;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** {@code faultin_page_range} with {@code FOLL_MADV_POPULATE}: what it reports about pages that change concurrently. */
@ExtendWith(OneThread.class)
@DisplayName("MADV_POPULATE_READ, while another call changes the second of its two pages")
final class PopulateBesideCallsTest {
    private final SpaceFixture fixture = new SpaceFixture();
    private LongUnaryOperator change = page -> 0;
    private final PagedFile file = new PagedFile(fixture, 2) {
        @Override
        protected boolean read(long page, int frame, FrameStore store) {
            if (page == 0) {
                assertEquals(0, change.applyAsLong(at + PAGE));
            }
            return super.read(page, frame, store);
        }
    };
    private final long at = fixture.map(0, 2, READ, Mman.PRIVATE, file, 0);

    @AfterEach
    void nothingIsLeft() {
        assertEquals(0, fixture.space.munmap(at, 2 * PAGE));
        file.cache.close();
        fixture.closeEmpty();
    }

    private void assertResult(long expected, LongUnaryOperator made) {
        change = made;
        assertEquals(expected, fixture.space.madvise(at, 2 * PAGE, Mman.POPULATE_READ));
    }

    @Test
    @DisplayName("a page without the right is EINVAL")
    void protectedMeanwhile() {
        assertResult(Errno.EINVAL.result(), page -> fixture.space.mprotect(page, PAGE, Mman.NONE));
    }

    @Test
    @DisplayName("a page that may be executed only is EINVAL, although an access may read it")
    void executable() {
        assertResult(Errno.EINVAL.result(), page -> fixture.space.mprotect(page, PAGE, Mman.EXEC));
    }

    @Test
    @DisplayName("a page without a mapping is ENOMEM")
    void unmapped() {
        assertResult(Errno.ENOMEM.result(), page -> fixture.space.munmap(page, PAGE));
    }

    @Test
    @DisplayName("a guard is EFAULT")
    void guarded() {
        assertResult(Errno.EFAULT.result(), page -> fixture.space.madvise(page, PAGE, Mman.GUARD_INSTALL));
    }

    @Test
    @DisplayName("a page behind the end of the file is EFAULT")
    void truncated() {
        assertResult(Errno.EFAULT.result(), page -> {
            file.cache.truncate(PAGE);
            return 0;
        });
    }

    @Test
    @DisplayName("a page of another mapping is faulted in")
    void replaced() {
        int flags = SpaceFixture.ANONYMOUS | Mman.FIXED;
        assertResult(0, page -> fixture.space.mmap(page, PAGE, READ, flags, null, 0) == page ? 0 : -1);
        assertNull(Objects.requireNonNull(fixture.space.find(at + PAGE)).backing());
        byte[] present = new byte[2];
        assertEquals(0, fixture.space.mincore(at, 2 * PAGE, present));
        assertEquals(1, present[1]);
    }
}
