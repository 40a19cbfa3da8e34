// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import java.util.List;
import java.util.function.Supplier;

/** A directory of {@code /proc} that has only symbolic links. */
public final class LinkFolder extends GuestFolder {
    private static final FileStatus FOLDER = FileStatus.of(FileStatus.FOLDER | 0500, 2, 0);
    private static final FileStatus LINK = FileStatus.of(FileStatus.LINK | 0700, 1, 0);

    private final Supplier<List<String>> names;

    /**
     * Opens a directory.
     *
     * @param path its path
     * @param flags bits of {@link OpenFlags}
     * @param names returns the names of the links at a time
     */
    public LinkFolder(String path, int flags, Supplier<List<String>> names) {
        super(path, flags);
        this.names = names;
    }

    @Override
    public FileStatus status() {
        return FOLDER;
    }

    @Override
    List<String> readNames() {
        return names.get();
    }

    @Override
    FileStatus statusOf(String name) {
        return name.startsWith(".") ? FOLDER : LINK;
    }
}
