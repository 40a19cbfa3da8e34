// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.vma.Backing;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileTime;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The name by which a file of the host was opened, or a folder entered. It follows what the guest renames. Another
 * program may have given it to another file since, or put a link there that leads out of the guest's root. So each use
 * resolves it again, and compares the file with the one that was opened.
 */
public final class OpenedName {
    private final FollowedName name;
    private final FileStatus opened;
    private final GuestRoot root;
    private final NamedPipes names;

    /**
     * Notes a name. The caller has the monitor of the names since it has resolved the path.
     *
     * @param place the path, resolved
     * @param host the path of the host
     * @param root resolves it again
     * @param names the names of the guest's files
     */
    public OpenedName(ResolvedPath place, Path host, GuestRoot root, NamedPipes names) throws IOException {
        opened = FileStatus.of(host, false);
        this.root = root;
        this.names = names;
        name = names.follow(place.guest());
    }

    /** Returns the path of the guest; the last one if the name is removed. */
    public String path() {
        return name.path();
    }

    /** Returns whether the guest has removed the name, or has given it to another file. */
    public boolean isRemoved() {
        return name.isRemoved();
    }

    /** Returns the path as links in {@code /proc} show it. */
    public String shown() {
        return isRemoved() ? path() + " (deleted)" : path();
    }

    /** Makes the mappings of an open file show this name. */
    public void showFor(Backing file) {
        names.noteMapped(file, this);
    }

    private @Nullable Path resolved() {
        return isRemoved() ? null : root.resolve("/", path(), false).host();
    }

    /**
     * Returns where the host has the file; null if its name is gone, or another file's by now. The caller has the
     * monitor of the names, and keeps it while it uses the path.
     */
    public @Nullable Path host() {
        Path found = resolved();
        try {
            return found != null && isOpened(FileStatus.of(found, false)) ? found : null;
        } catch (IOException gone) {
            return null;
        }
    }

    /** Shows that the file was written now. */
    void written(WriteTimes.Shown last) {
        names.times().written(this, last);
    }

    /**
     * Sets the time of the last change as far as the host permits it: a save sets it again. The file loses the bits
     * that make a program of it run as its owner ({@code file_remove_privs}).
     */
    void setModified(FileTime time) {
        synchronized (names) {
            Path found = host();
            if (found == null) {
                names.privilegesDropped(opened);
                return;
            }
            try {
                HostRights.dropPrivileges(found);
                Files.setLastModifiedTime(found, time);
            } catch (IOException refused) {
                // The guest may have taken its own rights away.
            }
        }
    }

    /** Shows, for a file without names, that it lost the bits that make a program of it run as its owner. */
    public void showPrivilegesDropped() {
        names.privilegesDropped(opened);
    }

    /** Shows that bytes of the file were asked for now. */
    void accessed(WriteTimes.Shown last) {
        names.times().accessed(this, last);
    }

    /** Sets the time of the last access if the present one is too old ({@code relatime_need_update}). */
    void setAccessed(long now) {
        synchronized (names) {
            Path found = isFixed() ? null : host();
            try {
                if (found != null && FileStatus.of(found, false).isAccessOld(now)) {
                    Files.getFileAttributeView(found, BasicFileAttributeView.class)
                            .setTimes(null, FileTime.from(now, TimeUnit.NANOSECONDS), null);
                }
            } catch (IOException refused) {
                // The guest may have taken its own rights away.
            }
        }
    }

    /** Whether it is the program outside of the root, which the guest can only read. */
    public boolean isFixed() {
        return root.resolve("/", path(), false).isFixed();
    }

    /** Returns the status of the file; the last one that is known if the name is not the file's any more. */
    public FileStatus status() {
        synchronized (names) {
            Path found = resolved();
            FileStatus last = name.last();
            try {
                FileStatus now = found == null ? null : FileStatus.of(found, false);
                if (now != null && isOpened(now)) {
                    return now;
                }
            } catch (IOException gone) {
                last = null;
            }
            return last != null && isOpened(last) ? last : opened.withoutNames();
        }
    }

    /** The number of a file that was deleted may be that of a new link by now. */
    private boolean isOpened(FileStatus now) {
        return now.isSame(opened) && ((now.mode() ^ opened.mode()) & FileStatus.TYPE) == 0;
    }
}
