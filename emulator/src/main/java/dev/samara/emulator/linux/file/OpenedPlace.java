// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import org.jspecify.annotations.Nullable;

/**
 * A pipe or another file without a name that was opened again by {@code O_PATH}: it has the status of the file, and is
 * no user of it.
 */
final class OpenedPlace extends GuestFile {
    private final GuestFile file;

    /**
     * Opens the place of a file.
     *
     * @param file the file, which may be closed later
     * @param flags bits of {@link OpenFlags}
     */
    OpenedPlace(GuestFile file, int flags) {
        super(file.path(), flags);
        this.file = file;
    }

    @Override
    public @Nullable GuestFile reopened(int changed) {
        if ((changed & OpenFlags.PATH) != 0) {
            return new OpenedPlace(file, changed & OpenFlags.KEPT);
        }
        // The file itself may be closed, and both ends of a pipe: the place is one of a new pipe then (fifo_open).
        return file instanceof PipeEnd end ? end.joinedAgain(changed) : null;
    }

    @Override
    public boolean hasPath() {
        return file.hasPath();
    }

    @Override
    public boolean isAnonymous() {
        return file.isAnonymous();
    }

    @Override
    public boolean isRegular() {
        return file.isRegular();
    }

    @Override
    public FileStatus status() {
        return file.status();
    }
}
