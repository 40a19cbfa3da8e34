// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.backing.CachedBacking;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A page that is removed from its cache while its backing reads it")
final class RemovedWhileReadTest {
    private final SpaceFixture fixture = new SpaceFixture();
    private final PageCache cache = fixture.machine.newPageCache(GEOMETRY, 4 * PAGE);
    private final Changing file = new Changing(cache);

    @AfterEach
    void everythingComesBack() {
        fixture.closeEmpty();
    }

    /** A file whose content changes during its first read. */
    private static final class Changing extends CachedBacking {
        private int version = 1;
        private int reads;
        private Runnable whileRead = () -> {};

        Changing(PageCache cache) {
            super("/changing", cache);
        }

        @Override
        protected boolean read(long page, int frame, FrameStore store) {
            store.put(frame, 0, 4, version);
            if (reads++ == 0) {
                version = 2;
                whileRead.run();
            }
            return true;
        }

        int at(long page) {
            ByteBuffer target = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
            assertEquals(4, pread(target, page * PAGE));
            return target.getInt(0);
        }
    }

    @Test
    @DisplayName("is read again: later accesses see what is behind the cache after the removal")
    void removed() {
        file.whileRead = () -> cache.remove(1, 2);
        assertEquals(2, file.at(2));
        assertEquals(2, file.reads);
        assertEquals(2, file.at(2));
        cache.close();
    }

    @Test
    @DisplayName("is not read again if only other pages were removed")
    void othersRemoved() {
        file.whileRead = () -> {
            cache.remove(0, 2);
            cache.remove(3, 1);
        };
        assertEquals(1, file.at(2));
        assertEquals(1, file.reads);
        cache.close();
    }

    @Test
    @DisplayName("is not inserted if the cache was closed instead")
    void closed() {
        file.whileRead = cache::close;
        assertThrows(IllegalStateException.class, () -> file.at(0));
    }
}
