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
 * The times of files whose bytes are in memory: the host gets them later than the guest writes them, and is not asked
 * for them again. A write and a read show their time at once, but not more often than a tick passes, unless a call has
 * set times meanwhile. What was written before times are set is saved first, or the save would change them.
 */
public final class WriteTimes {
    private static final long TICK = 4_000_000;

    /** How often a call has set times. */
    private final AtomicLong settings = new AtomicLong();

    WriteTimes() {}

    /** When the time of one open file was shown; used by any thread. */
    static final class Shown {
        private long at = System.nanoTime() - TICK;
        private long settings = -1;
        private boolean keptPrivileges;

        /** Whether the time of now is to be shown; then it counts as shown. */
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

    /** Shows that a file was written now, by somebody who may keep the bits that make it run as its owner, or not. */
    void written(OpenedName name, Shown last, boolean keepsPrivileges) {
        if (last.isDue(settings.get(), keepsPrivileges)) {
            name.setModified(FileTime.from(Instant.now()), keepsPrivileges);
        }
    }

    /** Shows that bytes of a file were asked for now: those in memory are not read from the host. */
    void accessed(OpenedName name, Shown last) {
        if (last.isDue(settings.get(), false)) {
            name.setAccessed(TimeUnit.MILLISECONDS.toNanos(System.currentTimeMillis()));
        }
    }

    /** Notes that a call has set the times or the mode of a file. */
    public void noteSet() {
        settings.incrementAndGet();
    }

    /** Saves a file whose times are to be set. The caller has the monitor of the names. */
    public void prepare(Machine machine, Path host) throws IOException {
        noteSet();
        if (!Files.isRegularFile(host, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (HostFile file = machine.openFile(host, ProgramLoader.GEOMETRY, StandardOpenOption.READ)) {
            file.syncRange(0, 0, SyncRangeFlags.SYNC_FILE_RANGE_WRITE | SyncRangeFlags.WAIT_AFTER);
        } catch (MmException noRoom) {
            // The times are set nevertheless; a later save changes them.
        }
    }
}
