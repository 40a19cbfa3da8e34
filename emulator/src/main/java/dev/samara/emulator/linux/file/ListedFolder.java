// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.function.Function;
import java.util.function.Supplier;

/** A directory of {@code /proc}, whose names are generated when they are read. */
public final class ListedFolder extends GuestFolder {
    private static final FileStatus FOLDER = FileStatus.of(FileStatus.FOLDER | 0555, 2, 0);

    private static final FileStatus TEXT = FileStatus.of(FileStatus.REGULAR | 0444, 1, 0);

    /** The kind of an entry. */
    public enum Listed {
        /** A symbolic link. */
        LINK,
        /** A directory. */
        FOLDER,
        /** A text. */
        TEXT
    }

    private final FileStatus status;
    private final Supplier<List<String>> names;
    private final Function<String, Listed> kinds;

    /**
     * Opens a directory.
     *
     * @param path its path
     * @param flags bits of {@link OpenFlags}
     * @param status its status
     * @param room counts the names that all open directories together may still cache
     * @param names returns the present names
     * @param kinds returns the kind of the entry with a name
     */
    public ListedFolder(
            String path,
            int flags,
            FileStatus status,
            Semaphore room,
            Supplier<List<String>> names,
            Function<String, Listed> kinds) {
        super(path, flags, room);
        this.status = status;
        this.names = names;
        this.kinds = kinds;
    }

    @Override
    public FileStatus status() {
        return status;
    }

    /** The size of the directory counts as 0 ({@code generic_file_llseek}). */
    @Override
    long end() {
        return 0;
    }

    @Override
    long last() {
        return LEAST_LARGEST;
    }

    @Override
    List<String> readNames() {
        return names.get();
    }

    @Override
    FileStatus statusOf(String name) {
        if (name.startsWith(".")) {
            return FOLDER;
        }
        return switch (kinds.apply(name)) {
            case LINK -> FileStatus.ofLink(1, 0);
            case FOLDER -> FOLDER;
            case TEXT -> TEXT;
        };
    }

    @Override
    public int blockSize() {
        return BLOCK_OF_PROC;
    }

    @Override
    boolean mayExecute() {
        return false;
    }
}
