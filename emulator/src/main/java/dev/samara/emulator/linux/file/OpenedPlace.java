// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import org.jspecify.annotations.Nullable;

/**
 * A pipe or another file without a name that was opened again with {@code O_PATH}. It shows the status of the file, but
 * is not a user of the file.
 */
final class OpenedPlace extends GuestFile {
    private final GuestFile file;

    /**
     * Opens a file with {@code O_PATH}.
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
        // The file itself may be closed. If both ends of a pipe are closed, this opens an end of a new, empty pipe
        // (fifo_open).
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
