// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.vma.FrameStore;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The uses of frames. */
final class FramesTest extends FramesFixture {
    @Test
    @DisplayName("a new frame has zeros, a free one has poison; the zero page is never allocated")
    void contents() {
        int frame = frames.allocate(magazine);
        assertNotEquals(Frames.ZERO, frame);
        FrameStore store = frames.store();
        for (int offset = 0; offset < frames.pageSize(); offset += 8) {
            assertEquals(0, store.get(frame, offset, 8));
            assertEquals(0, store.get(Frames.ZERO, offset, 8));
        }
        store.put(frame, 4088, 8, 42);
        frames.drop(frame, magazine);
        assertEquals(POISON, store.get(frame, 0, 8));
        assertEquals(POISON, store.get(frame, 4088, 8));
        assertEquals(frame, frames.allocateDirty(magazine), "the frame freed last is the warmest");
        assertEquals(POISON, store.get(frame, 0, 8));
        frames.drop(frame, magazine);
        assertEquals(frame, frames.allocate(magazine));
        assertEquals(0, store.get(frame, 4088, 8));
    }

    @Test
    @DisplayName("the last use frees a frame, mapping or pin, and only that")
    void lastUse() {
        int frame = frames.allocate(magazine);
        assertEquals(1, frames.inUse());
        assertTrue(frames.isSole(frame));
        frames.share(frame);
        assertFalse(frames.isSole(frame));
        frames.pin(frame);
        frames.drop(frame, magazine);
        assertFalse(frames.isSole(frame), "a pin counts");
        assertTrue(frames.isPinned(frame));
        frames.drop(frame, magazine);
        assertEquals(1, frames.inUse(), "pinned alone");
        frames.unpin(frame, magazine);
        assertEquals(0, frames.inUse());
        int again = frames.allocate(magazine);
        frames.pin(again);
        frames.unpin(again, magazine);
        assertTrue(frames.isSole(again));
        frames.drop(again, magazine);
        assertEquals(0, frames.inUse());
    }

    @Test
    @DisplayName("a second drop, and an unpin without a pin, of any number, are refused and change nothing")
    void misuse() {
        int frame = frames.allocate(magazine);
        assertThrows(IllegalStateException.class, () -> frames.unpin(frame, magazine));
        frames.share(frame);
        assertThrows(IllegalStateException.class, () -> frames.unpin(frame, magazine));
        frames.drop(frame, magazine);
        assertTrue(frames.isSole(frame));
        frames.drop(frame, magazine);
        assertThrows(IllegalStateException.class, () -> frames.drop(frame, magazine));
        for (int foreign : new int[] {frame, Frames.NONE, Frames.ZERO, LIMIT, LIMIT + 1, Integer.MAX_VALUE, -77}) {
            assertThrows(IllegalStateException.class, () -> frames.unpin(foreign, magazine), "frame " + foreign);
        }
        assertEquals(0, frames.inUse());
        Set<Integer> all = new HashSet<>();
        for (int i = 0; i < LIMIT; i++) {
            assertTrue(all.add(frames.allocate(magazine)), "each once");
        }
        int pinned = all.iterator().next();
        frames.pin(pinned);
        frames.drop(pinned, magazine);
        assertThrows(IllegalStateException.class, () -> frames.drop(pinned, magazine));
        assertTrue(frames.isPinned(pinned));
        frames.unpin(pinned, magazine);
        assertEquals(LIMIT - 1, frames.inUse());
    }

    @Test
    @DisplayName("isCached is true for an inserted frame of this cache at this page, that is in use and not removed")
    void cached() {
        int frame = frames.allocate(magazine);
        assertFalse(frames.isCached(frame, 7, 5), "anonymous");
        frames.prepare(frame, 7);
        assertTrue(frames.isPrepared(frame, 7));
        assertFalse(frames.isPrepared(frame, 8));
        assertFalse(frames.isCached(frame, 7, 5), "being filled");
        frames.assign(frame, 7, 5);
        assertFalse(frames.isPrepared(frame, 7));
        assertTrue(frames.isCached(frame, 7, 5));
        assertFalse(frames.isCached(frame, 8, 5), "another cache");
        assertFalse(frames.isCached(frame, 7, 6), "another page");
        frames.setDirty(frame);
        frames.pin(frame);
        assertTrue(frames.isCached(frame, 7, 5), "dirty and pinned");
        assertFalse(frames.isRemoved(frame));
        frames.remove(frame);
        assertTrue(frames.isRemoved(frame));
        assertFalse(frames.isCached(frame, 7, 5), "removed");
        frames.drop(frame, magazine);
        assertFalse(frames.isCached(frame, 7, 5), "pinned alone");
        assertTrue(frames.isPinned(frame));
        frames.unpin(frame, magazine);
        assertFalse(frames.isCached(frame, 7, 5), "free");
        assertEquals(frame, frames.allocate(magazine));
        assertFalse(frames.isCached(frame, 7, 5), "another's");
        assertFalse(frames.isRemoved(frame));
        assertFalse(frames.isDirty(frame));
        for (int foreign : new int[] {Frames.NONE, Frames.ZERO, LIMIT, LIMIT + 1, Integer.MAX_VALUE, -77}) {
            assertFalse(frames.isCached(foreign, 7, 0), "frame " + foreign);
            assertFalse(frames.isPrepared(foreign, 7), "frame " + foreign);
        }
    }

    @Test
    @DisplayName("a frame is dirty from the first note until it is free")
    void dirty() {
        int frame = frames.allocate(magazine);
        assertFalse(frames.isDirty(frame));
        frames.setDirty(frame);
        frames.setDirty(frame);
        assertTrue(frames.isDirty(frame));
        assertTrue(frames.isSole(frame));
        frames.drop(frame, magazine);
        assertEquals(frame, frames.allocate(magazine));
        assertFalse(frames.isDirty(frame));
    }

    @Test
    @DisplayName("one pin more than can be counted is refused and changes nothing")
    void tooManyPins() {
        int frame = frames.allocate(magazine);
        for (long pin = 0; pin < Frames.MOST_PINS; pin++) {
            assertTrue(frames.pin(frame));
        }
        assertFalse(frames.pin(frame));
        assertFalse(frames.pin(frame));
        frames.unpin(frame, magazine);
        assertTrue(frames.pin(frame));
        assertFalse(frames.pin(frame));
        assertTrue(frames.share(frame), "mappings are counted for themselves");
        frames.drop(frame, magazine);
        frames.drop(frame, magazine);
        for (long pin = 0; pin < Frames.MOST_PINS; pin++) {
            assertEquals(1, frames.inUse());
            frames.unpin(frame, magazine);
        }
        assertEquals(0, frames.inUse());
    }

    @Test
    @DisplayName("one mapping more than can be counted is refused and changes nothing")
    void tooManyMappings() {
        int frame = frames.allocate(magazine);
        for (long mapping = 1; mapping < Frames.MOST_MAPPINGS; mapping++) {
            frames.share(frame);
        }
        assertFalse(frames.share(frame));
        assertFalse(frames.isPinned(frame), "nothing has spilled over");
        assertTrue(frames.pin(frame), "pins are counted for themselves");
        frames.unpin(frame, magazine);
        frames.drop(frame, magazine);
        assertTrue(frames.share(frame));
        assertFalse(frames.share(frame));
        for (long mapping = 1; mapping < Frames.MOST_MAPPINGS; mapping++) {
            frames.drop(frame, magazine);
        }
        assertTrue(frames.isSole(frame));
        frames.drop(frame, magazine);
        assertEquals(0, frames.inUse());
    }
}
