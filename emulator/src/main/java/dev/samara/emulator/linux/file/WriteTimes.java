// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.SyncRangeFlags;
import dev.samara.emulator.elf.ProgramLoader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Updates the times of files whose pages are in memory. The host cannot do this, because it receives written bytes
 * later, and does not see reads of cached bytes. Each read and write updates the time immediately, but at most once per
 * tick, unless a call set times in between. Before a call sets times, the bytes written so far are written back,
 * because a later write-back would change the times again.
 */
public final class WriteTimes {
    private static final long TICK = 4_000_000;

    /** How often a call set times or a mode. */
    private final AtomicLong settings = new AtomicLong();

    WriteTimes() {}

    /** When a time of one open file was last updated. Thread-safe. */
    static final class Shown {
        private long at = System.nanoTime() - TICK;
        private long settings = -1;
        private boolean keptPrivileges;

        /** Returns whether the time must be updated now. If so, records the update as done. */
        private synchronized boolean isDue(long found, boolean keepsPrivileges) {
            long now = System.nanoTime();
            boolean isDue = found != settings || now - at >= TICK || (keptPrivileges && !keepsPrivileges);
            if (isDue) {
                at = now;
                settings = found;
                keptPrivileges = keepsPrivileges;
            }
            return isDue;
        }
    }

    /**
     * Updates the times of a file after a write.
     *
     * @param keepsPrivileges whether the writer may keep the set-user-ID and set-group-ID bits
     */
    void written(OpenedName name, Shown last, boolean keepsPrivileges) {
        if (last.isDue(settings.get(), keepsPrivileges)) {
            name.setModified(FileTime.from(Instant.now()), keepsPrivileges);
        }
    }

    /** Updates the access time of a file after a read, because the host does not see reads of cached bytes. */
    void accessed(OpenedName name, Shown last) {
        if (last.isDue(settings.get(), false)) {
            name.setAccessed(TimeUnit.MILLISECONDS.toNanos(System.currentTimeMillis()));
        }
    }

    /** Records that a call set the times or the mode of a file. */
    public void noteSet() {
        settings.incrementAndGet();
    }

    /** Writes a file back before a call sets its times. The caller holds the monitor of the {@link GuestNames}. */
    public void prepare(Machine machine, Path host) throws IOException {
        noteSet();
        if (!Files.isRegularFile(host, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (HostFile file = machine.openFile(host, ProgramLoader.GEOMETRY, StandardOpenOption.READ)) {
            file.syncRange(0, 0, SyncRangeFlags.SYNC_FILE_RANGE_WRITE | SyncRangeFlags.WAIT_AFTER);
        } catch (MmException noRoom) {
            // The times are set nevertheless. A later write-back changes them.
        }
    }
}
