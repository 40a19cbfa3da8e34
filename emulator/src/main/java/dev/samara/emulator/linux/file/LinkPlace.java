// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import org.jspecify.annotations.Nullable;

/** A symbolic link that was opened itself, by {@code O_PATH} with {@code O_NOFOLLOW}. */
public final class LinkPlace extends GuestFile {
    private final @Nullable OpenedName name;
    private final String target;

    /**
     * Opens a link.
     *
     * @param path its path
     * @param flags bits of {@link OpenFlags}
     * @param name its name; null for a link of the emulator
     * @param target where it leads
     */
    public LinkPlace(String path, int flags, @Nullable OpenedName name, String target) {
        super(path, flags);
        this.name = name;
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
        return name == null ? FileStatus.ofLink() : name.status();
    }
}
