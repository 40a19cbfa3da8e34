// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.vma.Backing;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The name by which a host file was opened, or by which a directory was entered. The name follows the guest's renames.
 * In the meantime, another program may have given the name to another file, or created a link there that leads out of
 * the guest's root. So each use resolves the name again, and compares the file with the opened file.
 */
public final class OpenedName {
    private final FileStatus opened;
    private final GuestRoot root;
    private final GuestNames names;

    /**
     * Words: {@code path}, {@code isRemoved}.
     * Written: the calls that rename and remove, holding the monitor of the names (volatile).
     * Read: any thread (volatile).
     * Invariant: a removed name stays removed, and keeps its last path.
     */
    private volatile String path;

    private volatile boolean isRemoved;

    /**
     * Starts to follow a name. The caller has held the monitor of {@code names} since it resolved the path.
     *
     * @param guest the guest's path, without links
     * @param host the path of the host
     * @param root the root, which resolves the name again
     * @param names the names of the guest's files
     */
    public OpenedName(String guest, Path host, GuestRoot root, GuestNames names) throws IOException {
        opened = FileStatus.of(host, false);
        path = guest;
        this.root = root;
        this.names = names;
        names.follow(this);
    }

    /** Returns the path of the guest; if the name was removed, the last path. */
    public String path() {
        return path;
    }

    /** Returns whether the guest has removed the name, or has given it to another file. */
    public boolean isRemoved() {
        return isRemoved;
    }

    void moveTo(String changed) {
        path = changed;
    }

    void remove() {
        isRemoved = true;
    }

    /** Returns the path as links in {@code /proc} show it. */
    public String shown() {
        return isRemoved ? path + " (deleted)" : path;
    }

    /** Makes the mappings of an open file show this name. */
    public void showFor(Backing file) {
        names.noteMapped(file, this);
    }

    /** Returns the path of the host; null if the name is not that of the opened file any more. */
    public @Nullable Path host() {
        Path found = isRemoved ? null : root.resolve("/", path, false).host();
        FileStatus now = found == null ? null : GuestNames.statusOf(found);
        return now != null && now.isSame(opened) && now.isType(opened.mode() & FileStatus.TYPE) ? found : null;
    }

    /** Returns the status of the file now; if it has lost its name, the status at its open without a name. */
    public FileStatus status() {
        synchronized (names) {
            Path found = host();
            FileStatus now = found == null ? null : GuestNames.statusOf(found);
            return now != null ? now : opened.withNames(0);
        }
    }
}
