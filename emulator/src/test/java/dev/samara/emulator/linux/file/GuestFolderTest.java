// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The names that open directories keep")
final class GuestFolderTest {
    private static final int SMALL = 64;

    private final Semaphore room = new Semaphore(9);

    private GuestFolder folder() {
        FileStatus status = FileStatus.ofFolder(0555, 7, 0);
        return GuestFolder.ofEmulator("/folder", 0, room, status, new GuestFolder.FolderEntries() {
            @Override
            public List<String> names() {
                return List.of("a", "b", "c");
            }

            @Override
            public FileStatus status(String name) {
                return status;
            }
        });
    }

    private static long read(GuestFolder folder) {
        return folder.entriesTo(SMALL, (bytes, length) -> length);
    }

    @Test
    @DisplayName("have a limit, beyond which a directory cannot be read")
    void limit() {
        GuestFolder first = folder();
        GuestFolder second = folder();
        assertTrue(read(first) > 0);
        assertEquals(LinuxErrno.ENOMEM, read(second));
        first.release();
        assertTrue(read(second) > 0);
    }

    @Test
    @DisplayName("are kept until all were returned, or the directory is read from its start")
    void end() {
        GuestFolder folder = folder();
        assertTrue(read(folder) > 0);
        assertEquals(4, room.availablePermits());
        assertEquals(0, folder.seek(0, 0));
        assertEquals(9, room.availablePermits());
        while (read(folder) > 0) {
            assertEquals(4, room.availablePermits());
        }
        assertEquals(9, room.availablePermits());
        assertEquals(0, read(folder), "the end is reached again");
        assertEquals(9, room.availablePermits());
    }
}
