// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.mman.Errno;

/**
 * The changes of a file in memory that its seals may forbid ({@code shmem_setattr}, {@code shmem_fallocate} and {@code
 * memfd_add_seals}). Each change waits for concurrent writes, holes and changes of the size.
 */
public final class SealedChanges {
    private SealedChanges() {}

    /**
     * Adds seals to a file.
     *
     * @return 0, or a negated errno, which is EPERM also for a file that cannot be sealed
     */
    public static long addSeals(FilePages file, int added) {
        ThreadCpus.checkMayWait("a seal of a file");
        Seals seals = file.seals();
        if (seals == null) {
            return Seals.isKnown(added) ? Errno.EPERM.result() : Errno.EINVAL.result();
        }
        file.lock();
        try {
            return seals.add(added, file::hasPins);
        } finally {
            file.unlock();
        }
    }

    /**
     * Changes the size of a file.
     *
     * @return 0, or negated EPERM
     */
    public static long truncate(FilePages file, long bytes) {
        Seals seals = file.seals();
        if (seals == null) {
            file.truncate(bytes);
            return 0;
        }
        file.lock();
        try {
            if (seals.forbidSize(file.size(), bytes)) {
                return Errno.EPERM.result();
            }
            file.truncate(bytes);
            return 0;
        } finally {
            file.unlock();
        }
    }

    /**
     * Punches a hole into a file.
     *
     * @return 0, or negated EPERM
     */
    public static long punch(FilePages file, long start, long length) {
        Seals seals = file.seals();
        if (seals == null) {
            file.punch(start, length);
            return 0;
        }
        file.lock();
        try {
            if (seals.isAgainstWrites()) {
                return Errno.EPERM.result();
            }
            file.punch(start, length);
            return 0;
        } finally {
            file.unlock();
        }
    }

    /** Returns the mode of a file. For a file that cannot be sealed, returns a new mode object at each call. */
    public static FileMode modeOf(FilePages file) {
        Seals seals = file.seals();
        return seals == null ? new FileMode(FileMode.EXECUTABLE) : seals.mode();
    }

    /**
     * Changes the mode of a file ({@code fchmod}).
     *
     * @param mode a result of {@link #modeOf}
     * @return 0, or negated EPERM
     */
    public static long changeMode(FilePages file, FileMode mode, int wanted) {
        ThreadCpus.checkMayWait("a change of a file's mode");
        file.lock();
        try {
            Seals seals = file.seals();
            if (seals != null && seals.forbidExecute() && mode.changesExecute(wanted)) {
                return Errno.EPERM.result();
            }
            mode.set(wanted);
            return 0;
        } finally {
            file.unlock();
        }
    }
}
