// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import static dev.samara.core.Rig.PAGE;
import static dev.samara.core.Rig.READ;
import static dev.samara.core.Rig.RW;
import static dev.samara.core.Rig.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Rig;
import dev.samara.core.mman.RemapFlags;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A private page that a device has pinned, and that is moved: it stays the page of its mapping. */
@DisplayName("A pinned page that is moved")
final class PinnedAndMovedTest {
    private static final long AWAY = 0x20_0000_0000L;

    /** A rig, the pin of a page of it, and where the page is now. */
    private record Pinned(Rig rig, int frame, long at) {
        static Pinned moved() {
            Rig rig = new Rig(16);
            long from = rig.anonymous(2);
            rig.store(from, 1);
            int frame = rig.memory.pin(from, WRITE);
            int flags = RemapFlags.MAYMOVE | RemapFlags.FIXED;
            assertEquals(AWAY, rig.space.mremap(from, 2 * PAGE, 2 * PAGE, flags, AWAY));
            return new Pinned(rig, frame, AWAY);
        }

        long read() {
            return rig.memory.frameStore().get(frame, 0, 8);
        }

        void end() {
            rig.memory.unpin(frame, true);
            rig.closeEmpty();
        }
    }

    @Test
    @DisplayName("is written in place")
    void written() {
        Pinned pinned = Pinned.moved();
        pinned.rig.store(pinned.at, 2);
        assertEquals(2, pinned.read());
        pinned.end();
    }

    @Test
    @DisplayName("is written in place after it was protected and given back")
    void writtenOnceProtected() {
        Pinned pinned = Pinned.moved();
        assertEquals(0, pinned.rig.space.mprotect(pinned.at, PAGE, READ));
        assertEquals(0, pinned.rig.space.mprotect(pinned.at, PAGE, RW));
        pinned.rig.store(pinned.at, 3);
        assertEquals(3, pinned.read());
        pinned.end();
    }

    @Test
    @DisplayName("stays the parent's in a fork, and the child has a copy")
    void writtenBesideAFork() {
        Pinned pinned = Pinned.moved();
        AddressSpace child = pinned.rig.space.fork();
        pinned.rig.store(pinned.at, 4);
        assertEquals(4, pinned.read());
        pinned.rig.cpu.load(child);
        assertEquals(1, pinned.rig.load(pinned.at));
        pinned.rig.cpu.load(pinned.rig.space);
        child.close();
        pinned.end();
    }
}
