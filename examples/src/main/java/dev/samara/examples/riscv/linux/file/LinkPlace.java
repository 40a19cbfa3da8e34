// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** A symbolic link that was opened itself, by {@code O_PATH} with {@code O_NOFOLLOW}. */
public final class LinkPlace extends GuestFile {
    private final @Nullable OpenedName name;
    private final String target;

    /**
     * Makes an open of a link.
     *
     * @param path its path
     * @param name its name; null for a link that is none of the host's
     * @param target where it leads
     */
    public LinkPlace(String path, @Nullable OpenedName name, String target) {
        super(path, OpenFlags.PATH);
        this.name = name;
        this.target = target;
    }

    /** Returns where the link leads. */
    public String target() {
        return target;
    }

    @Override
    public long read(FileThread thread, ByteBuffer target) {
        return LinuxErrno.EBADF;
    }

    @Override
    public long write(FileThread thread, ByteBuffer source) {
        return LinuxErrno.EBADF;
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
