// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.lookup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class VersionRingTest {
    private static final LayoutSnapshot LAYOUT =
            Machine.builder().build().newSpace(Geometry.LINUX_X86_64).snapshot();

    @Test
    @DisplayName("the writer waits before it overwrites a version that a reader needs, and no longer")
    void writerWaits() throws Exception {
        VersionRing ring = new VersionRing(4, 1, LAYOUT);
        assertEquals(0, ring.enter(0));
        for (int i = 1; i < 4; i++) {
            write(ring);
        }
        CompletableFuture<Void> fourth = CompletableFuture.runAsync(() -> write(ring));
        assertThrows(TimeoutException.class, () -> fourth.get(50, TimeUnit.MILLISECONDS));
        assertEquals(3, ring.newest());
        assertEquals(3, ring.started(), "it does not say that it started while it waits");
        ring.leave(0);
        fourth.get();
        assertEquals(4, ring.newest());
    }

    @Test
    @DisplayName("a reader waits for an operation that began; if it never ends, the reader learns that")
    void readerWaits() {
        VersionRing ring = new VersionRing(4, 1, LAYOUT);
        write(ring);
        ring.begin(7, 0x1000);
        assertEquals(2, ring.started());
        assertEquals(7, ring.line(2));
        assertEquals(0x1000, ring.target());
        assertTrue(ring.await(1));
        ring.close();
        assertFalse(ring.await(2));
    }

    @Test
    @DisplayName("the capacity must be a power of two")
    void capacity() {
        assertThrows(IllegalArgumentException.class, () -> new VersionRing(6, 1, LAYOUT));
        assertThrows(IllegalArgumentException.class, () -> new VersionRing(1, 1, LAYOUT));
    }

    private static void write(VersionRing ring) {
        ring.begin(0, 0);
        ring.end(LAYOUT);
    }
}
