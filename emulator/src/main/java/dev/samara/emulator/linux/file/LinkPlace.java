// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import org.jspecify.annotations.Nullable;

/** A symbolic link that was opened itself, by {@code O_PATH} with {@code O_NOFOLLOW}. */
public final class LinkPlace extends GuestFile {
    private final @Nullable OpenedName name;
    private final FileStatus status;
    private final String target;

    /**
     * Opens a link of the host.
     *
     * @param path its path
     * @param flags bits of {@link OpenFlags}
     * @param name its name
     * @param target where it leads
     */
    public LinkPlace(String path, int flags, OpenedName name, String target) {
        this(path, flags, name, FileStatus.ofLink(), target);
    }

    /**
     * Opens a link of the emulator.
     *
     * @param path its path
     * @param flags bits of {@link OpenFlags}
     * @param status its status
     * @param target where it leads
     */
    public LinkPlace(String path, int flags, FileStatus status, String target) {
        this(path, flags, null, status, target);
    }

    private LinkPlace(String path, int flags, @Nullable OpenedName name, FileStatus status, String target) {
        super(path, flags);
        this.name = name;
        this.status = status;
        this.target = target;
    }

    /** Returns where the link leads. */
    public String target() {
        return target;
    }

    @Override
    public @Nullable OpenedName openedName() {
        return name;
    }

    @Override
    public FileStatus status() {
        return name == null ? status : name.status();
    }
}
