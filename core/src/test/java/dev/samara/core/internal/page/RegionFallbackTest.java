// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.MappedByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Frames of one or several regions, for which the system may run out of memory after some pieces. */
final class RegionFallbackTest {
    private static final int SHIFT = 12;
    private static final int PAGE = 1 << SHIFT;
    private static final int CHUNK_SHIFT = 4;
    private static final int CHUNK = 1 << CHUNK_SHIFT;

    /** The last piece is smaller than a chunk. */
    private static final int FRAMES = 5 * CHUNK + 3;

    private static void extend(DirectFrames frames, int from, int to) {
        for (int first = from; first < to; first += CHUNK) {
            assertTrue(frames.extend(first, Math.min(CHUNK, to - first)));
        }
    }

    private static void assertHolds(DirectFrames frames, int from, int to) {
        byte[] page = new byte[PAGE];
        for (int frame = from; frame < to; frame++) {
            frames.read(frame, 0, page, 0, PAGE);
            assertArrayEquals(new byte[PAGE], page, "frame " + frame + " at first");
            frames.put(frame, 8, 8, 1_000_000L + frame);
            frames.put(((long) frame << SHIFT) + PAGE - 4, 4, frame);
            frames.putVolatile(frame, 16, 8, -frame);
            assertEquals(-frame, frames.compareAndExchange(frame, 16, 8, -frame, ~frame));
        }
        for (int frame = from; frame < to; frame++) {
            assertEquals(1_000_000L + frame, frames.get(((long) frame << SHIFT) + 8, 8));
            assertEquals(frame, frames.get(frame, PAGE - 4, 4));
            assertEquals(~frame, frames.getVolatile(frame, 16, 8));
        }
    }

    @Test
    @DisplayName("frames before the piece that has no memory are in the region, later ones elsewhere; all keep bytes")
    void pieces() throws IOException {
        for (int room = 0; room <= 6; room++) {
            int inRegion = Math.min(room * CHUNK, FRAMES);
            DirectFrames frames = RegionThatFills.frames(SHIFT, CHUNK_SHIFT, FRAMES, inRegion);
            extend(frames, 0, FRAMES);
            MappedByteBuffer region = Objects.requireNonNull(frames.region());
            assertHolds(frames, 0, FRAMES);
            for (int frame = 0; frame < FRAMES; frame++) {
                assertEquals(frame < inRegion, frames.isInRegion(frame), "frame " + frame + " with room for " + room);
                if (frame < inRegion) {
                    assertEquals(1_000_000L + frame, region.getLong((frame << SHIFT) + 8));
                }
            }
        }
    }

    @Test
    @DisplayName("the bytes of frames in the region stay when a later piece has no memory; copies go both ways")
    void stays() throws IOException {
        DirectFrames frames = RegionThatFills.frames(SHIFT, CHUNK_SHIFT, FRAMES, 2 * CHUNK);
        extend(frames, 0, 2 * CHUNK);
        frames.put(CHUNK, 0, 8, 77);
        frames.put(((long) CHUNK << SHIFT) + 8, 8, 78);
        extend(frames, 2 * CHUNK, FRAMES);
        assertTrue(frames.isInRegion(2 * CHUNK - 1));
        assertFalse(frames.isInRegion(2 * CHUNK));
        assertEquals(77, frames.get((long) CHUNK << SHIFT, 8));
        assertEquals(78, frames.get(CHUNK, 8, 8));
        frames.copy(CHUNK, 3 * CHUNK);
        assertEquals(78, frames.get(((3L * CHUNK) << SHIFT) + 8, 8));
        frames.fill(3 * CHUNK, 0, PAGE, (byte) 1);
        frames.copy(3 * CHUNK, 0);
        assertEquals(0x0101_0101_0101_0101L, frames.get(0L, 8));
        assertEquals(77, frames.get(CHUNK, 0, 8));
    }

    @Test
    @DisplayName("several regions: only frames of the first one are in the region; all keep bytes, wherever room ends")
    void severalRegions() {
        int inRegion = 2 * CHUNK;
        for (int room = 0; room <= 6; room++) {
            int frames = Math.min(room * CHUNK, FRAMES);
            DirectFrames store = RegionThatFills.frames(SHIFT, CHUNK_SHIFT, FRAMES, inRegion, frames);
            MappedByteBuffer first = Objects.requireNonNull(store.region());
            assertEquals(inRegion << SHIFT, first.capacity());
            extend(store, 0, FRAMES);
            assertHolds(store, 0, FRAMES);
            for (int frame = 0; frame < FRAMES; frame++) {
                boolean isFirst = frame < Math.min(inRegion, frames);
                assertEquals(isFirst, store.isInRegion(frame), "frame " + frame + " with room for " + room);
                if (isFirst) {
                    assertEquals(1_000_000L + frame, first.getLong((frame << SHIFT) + 8));
                }
            }
            store.copy(1, FRAMES - 1);
            assertEquals(1_000_001, store.get(FRAMES - 1, 8, 8));
        }
    }

    @Test
    @DisplayName("a region is opened when its first frame is needed; the zero page makes no region of its own")
    void opened() {
        List<Long> sizes = new ArrayList<>();
        long most = (long) CHUNK << SHIFT;
        for (int count = 1; count <= 3; count++) {
            sizes.clear();
            int frames = count * CHUNK + 1;
            FrameRegions regions = FrameRegions.open((long) frames << SHIFT, most, PAGE, size -> {
                sizes.add(size);
                return SparseRegion.open(size);
            });
            assumeTrue(regions != null, "the system has shared memory");
            DirectFrames store = new DirectFrames(SHIFT, CHUNK_SHIFT, frames, regions);
            assertEquals(List.of(count == 1 ? most + PAGE : most), sizes);
            extend(store, 0, frames);
            assertHolds(store, 0, frames);
            assertEquals(count, sizes.size());
            assertEquals(most + PAGE, sizes.get(count - 1));
            assertTrue(store.isInRegion(0));
            assertEquals(count == 1, store.isInRegion(frames - 1));
        }
    }

    @Test
    @DisplayName(
            "more than 1 GiB has a region of 1 GiB at once, and memory of the system only for frames that are made")
    void large() {
        assumeTrue(DirectFrames.mayHaveRegions(3L << 30), "the system has shared memory for three regions");
        DirectFrames frames = new DirectFrames(SHIFT, 10, (3 << (30 - SHIFT)) + 1, true);
        MappedByteBuffer region = Objects.requireNonNull(frames.region());
        assertEquals(1 << 30, region.capacity());
        int second = 1 << (30 - SHIFT);
        assertTrue(frames.extend(0, 1 << 10));
        assertTrue(frames.extend(second, 1 << 10));
        assertTrue(frames.isInRegion(0));
        assertFalse(frames.isInRegion(second));
        frames.put(((long) second << SHIFT) + 16, 8, 5);
        assertEquals(5, frames.get(second, 16, 8));
        assertFalse(region.slice(1 << 29, PAGE).isLoaded());
    }

    @Test
    @DisplayName("there is no region where none was asked for")
    void none() {
        assertNull(new DirectFrames(SHIFT, 4, 16).region());
        assertFalse(new DirectFrames(SHIFT, 4, 16).isInRegion(0));
        if (DirectFrames.mayHaveRegions(1 << 20)) {
            assertNotNull(new DirectFrames(SHIFT, 4, 256, true).region());
        }
    }
}
