// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A region of the system's shared memory, where the system has one. */
final class SparseRegionTest {
    private static final int PIECE = 1 << 20;
    private static final int PIECES = 8;
    private static final int SIZE = PIECES * PIECE;

    @BeforeEach
    void isPossible() {
        Assumptions.assumeTrue(SparseRegion.isPossible(SIZE), "the system has shared memory");
    }

    private static SparseRegion open() {
        return Objects.requireNonNull(SparseRegion.open(SIZE));
    }

    /** Asserts that a part initially contains zeros, and keeps what is written. */
    private static void assertUsable(SparseRegion region, int from, int length) {
        MappedByteBuffer bytes = region.bytes();
        for (int at = from; at < from + length; at += 8) {
            assertEquals(0, bytes.getLong(at));
        }
        for (int at = from; at < from + length; at += 8) {
            bytes.putLong(at, at + 1L);
        }
        for (int at = from; at < from + length; at += 8) {
            assertEquals(at + 1L, bytes.getLong(at));
        }
    }

    /** Returns whether all bytes of a part are in memory, which the system reports without an access to them. */
    private static boolean isResident(SparseRegion region, int from, int length) {
        return region.bytes().slice(from, length).isLoaded();
    }

    @Test
    @DisplayName("the bytes of each part that was provided are zero, and keep what is written")
    void zeros() {
        SparseRegion region = open();
        // The last part is not a multiple of the largest write.
        int odd = PIECE - 4_096;
        assertTrue(region.provide(3L * PIECE, PIECE));
        assertTrue(region.provide(0, PIECE));
        assertTrue(region.provide((long) SIZE - odd, odd));
        assertUsable(region, 3 * PIECE, PIECE);
        assertUsable(region, 0, PIECE);
        assertUsable(region, SIZE - odd, odd);
        assertEquals(0, region.bytes().getLong(SIZE - odd - 8));
        assertEquals(SIZE, region.bytes().capacity());
    }

    @Test
    @DisplayName("the region has memory of the system for the parts that were provided, and for no others")
    void memory() {
        SparseRegion region = open();
        for (int piece = 0; piece < PIECES; piece += 2) {
            assertTrue(region.provide((long) piece * PIECE, PIECE));
        }
        for (int piece = 0; piece < PIECES; piece++) {
            assertEquals(piece % 2 == 0, isResident(region, piece * PIECE, PIECE), "piece " + piece);
            for (int at = 0; at < PIECE && piece % 2 != 0; at += PIECE / 4) {
                assertFalse(isResident(region, piece * PIECE + at, 1), "piece " + piece + " at " + at);
            }
        }
    }

    @Test
    @DisplayName("a thread that is interrupted gets a region, and stays interrupted")
    void interrupted() {
        Thread.currentThread().interrupt();
        SparseRegion region = SparseRegion.open(SIZE);
        assertTrue(Thread.interrupted());
        assertNotNull(region);
        assertTrue(region.provide(0, PIECE));
        assertUsable(region, 0, PIECE);
    }

    @Test
    @DisplayName("an interrupt takes no part of a region away")
    void interruptedLater() {
        SparseRegion region = open();
        assertTrue(region.provide(0, PIECE));
        Thread.currentThread().interrupt();
        assertTrue(region.provide(PIECE, PIECE));
        assertUsable(region, 0, 2 * PIECE);
        assertTrue(Thread.interrupted());
        assertTrue(region.provide(2L * PIECE, PIECE));
        assertUsable(region, 2 * PIECE, PIECE);
    }

    @Test
    @DisplayName("a region has no name, so the system takes its memory back when the process ends")
    void nameless() throws IOException {
        Path maps = Path.of("/proc/self/maps");
        Assumptions.assumeTrue(Files.isReadable(maps));
        SparseRegion region = open();
        assertTrue(region.provide(0, PIECE));
        try (Stream<String> lines = Files.lines(maps)) {
            List<String> mapped =
                    lines.filter(line -> line.contains(" /dev/shm/samara")).toList();
            assertFalse(mapped.isEmpty());
            mapped.forEach(line -> assertTrue(line.endsWith("(deleted)"), line));
        }
        assertUsable(region, 0, PIECE);
    }

    @Test
    @DisplayName("there is no region of more than 1 GiB")
    void tooLarge() {
        assertNull(SparseRegion.open(SparseRegion.MOST_MEMORY * 2));
    }

    @Test
    @DisplayName(
            "a part that was not provided does not count, whatever has failed, and counts once when it is tried again")
    void counted() throws IOException {
        File named = File.createTempFile("samara", null);
        Error[] failure = {null};
        try {
            RandomAccessFile file = new RandomAccessFile(named, "rw") {
                @Override
                public void write(byte[] bytes, int from, int length) throws IOException {
                    if (failure[0] != null) {
                        throw failure[0];
                    }
                    super.write(bytes, from, length);
                }
            };
            file.setLength(SIZE);
            MappedByteBuffer bytes = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, SIZE);
            SparseRegion region = new SparseRegion(file, bytes);
            long before = region.counted();
            for (Error error : List.of(new OutOfMemoryError(), new StackOverflowError())) {
                failure[0] = error;
                assertThrows(error.getClass(), () -> region.provide(0, PIECE));
                assertEquals(before, region.counted());
            }
            failure[0] = null;
            assertTrue(region.provide(0, PIECE));
            assertEquals(before + PIECE, region.counted());
        } finally {
            Files.delete(named.toPath());
        }
    }
}
