// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import org.jspecify.annotations.Nullable;

/** An open symbolic link: {@code O_PATH} with {@code O_NOFOLLOW} opens the link itself. */
public final class LinkPlace extends GuestFile {
    private final @Nullable OpenedName name;
    private final FileStatus opened;
    private final String target;

    private LinkPlace(String path, int flags, @Nullable OpenedName name, FileStatus opened, String target) {
        super(path, flags);
        this.name = name;
        this.opened = opened;
        this.target = target;
    }

    /**
     * Opens a link of the host.
     *
     * @param path its path
     * @param flags bits of {@link OpenFlags}
     * @param name its name
     * @param target the path to which it leads
     */
    public LinkPlace(String path, int flags, OpenedName name, String target) {
        this(path, flags, name, name.status(), target);
    }

    /**
     * Opens a link of the emulator.
     *
     * @param path its path
     * @param flags bits of {@link OpenFlags}
     * @param opened its status, which does not change
     * @param target the path to which it leads
     */
    public LinkPlace(String path, int flags, FileStatus opened, String target) {
        this(path, flags, null, opened, target);
    }

    /** Returns the target of the link. */
    public String target() {
        return target;
    }

    @Override
    public @Nullable OpenedName openedName() {
        return name;
    }

    @Override
    public GuestFile reopened(int changed) {
        return new LinkPlace(path(), changed, name, opened, target);
    }

    @Override
    public FileStatus status() {
        return name == null ? opened : name.status();
    }
}
