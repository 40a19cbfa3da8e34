// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The largest size of a file of the host")
final class LargestSizesTest {
    private static final long DEVICE = 7;

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    private final LargestSizes sizes = new LargestSizes();

    @Test
    @DisplayName("is the last position that the file system accepts")
    void lastPosition() throws IOException {
        Path file = Files.createFile(folder.resolve("file"));
        long largest = sizes.of(DEVICE, file);
        assertTrue(largest >= GuestFile.LEAST_LARGEST);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            assertDoesNotThrow(() -> channel.position(largest));
            if (largest < Long.MAX_VALUE) {
                assertThrows(IOException.class, () -> channel.position(largest + 1));
            }
        }
        assertEquals(largest, sizes.of(DEVICE));
    }

    @Test
    @DisplayName("is no limit while no file of the device can be read, and is asked for again")
    void unknown() throws IOException {
        Path file = folder.resolve("file");
        assertEquals(Long.MAX_VALUE, sizes.of(DEVICE, file));
        Files.createFile(file);
        assertEquals(new LargestSizes().of(DEVICE, file), sizes.of(DEVICE, file));
    }

    @Test
    @DisplayName("is found by a thread that is interrupted, which stays so")
    void interrupted() throws IOException {
        Path file = Files.createFile(folder.resolve("file"));
        long largest = new LargestSizes().of(DEVICE, file);
        Thread.currentThread().interrupt();
        long found = sizes.of(DEVICE, file);
        assertTrue(Thread.interrupted());
        assertEquals(largest, found);
    }
}
