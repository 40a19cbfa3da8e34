// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

/** A named pipe that was opened with {@code O_PATH}. It is neither a reader nor a writer of the pipe. */
public final class NamedPipePlace extends GuestFile {
    private final NamedPipe named;

    /**
     * Opens the name of a pipe.
     *
     * @param path its path
     * @param flags bits of {@link OpenFlags}
     */
    public NamedPipePlace(String path, int flags, NamedPipe named) {
        super(path, flags);
        this.named = named;
    }

    /** Returns the pipe. */
    public NamedPipe named() {
        return named;
    }

    @Override
    public FileStatus status() {
        return named.status();
    }
}
