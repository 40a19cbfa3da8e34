// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.mman.Mman;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A private page that a device pinned and that is then moved stays the page of its mapping. */
@DisplayName("A pinned page that is moved")
final class PinnedAndMovedTest {
    private static final long AWAY = 0x20_0000_0000L;

    /** A fixture, the pin of one of its pages, and the page's current address. */
    private record Pinned(SpaceFixture fixture, PinnedFrame pin, long at) {
        static Pinned moved() {
            SpaceFixture fixture = new SpaceFixture(16);
            long from = fixture.anonymous(2);
            fixture.store(from, 1);
            PinnedFrame pin = fixture.pin(from, WRITE);
            int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
            assertEquals(AWAY, fixture.space.mremap(from, 2 * PAGE, 2 * PAGE, flags, AWAY));
            return new Pinned(fixture, pin, AWAY);
        }

        long read() {
            return SpaceFixture.read(pin);
        }

        void end() {
            pin.close();
            fixture.closeEmpty();
        }
    }

    @Test
    @DisplayName("is written in place")
    void written() {
        Pinned pinned = Pinned.moved();
        pinned.fixture.store(pinned.at, 2);
        assertEquals(2, pinned.read());
        pinned.end();
    }

    @Test
    @DisplayName("is written in place after it was protected and given back")
    void writtenOnceProtected() {
        Pinned pinned = Pinned.moved();
        assertEquals(0, pinned.fixture.space.mprotect(pinned.at, PAGE, READ));
        assertEquals(0, pinned.fixture.space.mprotect(pinned.at, PAGE, RW));
        pinned.fixture.store(pinned.at, 3);
        assertEquals(3, pinned.read());
        pinned.end();
    }

    @Test
    @DisplayName("stays the parent's in a fork, and the child has a copy")
    void writtenBesideAFork() {
        Pinned pinned = Pinned.moved();
        AddressSpace child = pinned.fixture.space.fork();
        pinned.fixture.store(pinned.at, 4);
        assertEquals(4, pinned.read());
        pinned.fixture.cpu.switchTo(child);
        assertEquals(1, pinned.fixture.load(pinned.at));
        pinned.fixture.cpu.switchTo(pinned.fixture.space);
        child.close();
        pinned.end();
    }
}
