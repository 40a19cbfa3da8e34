// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.vma.Backing;
import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import java.io.IOException;
import java.nio.channels.Channel;
import java.nio.file.CopyOption;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The named pipes of the guest, by the host files that stand for them. A pipe keeps its file when the file is renamed
 * or gets further names.
 *
 * <p>The monitor of this object guards the table, all changes that the guest makes to names, and each use of a path
 * from its resolution on. So no thread mistakes the file of a pipe for a regular file, and no thread puts a link into a
 * path that another thread just resolved. A thread that holds the monitor waits for no other thread of the guest. The
 * names of open files and of current directories follow these changes.
 */
public final class NamedPipes {
    /** Identifies a host file. */
    private record FileNumber(long device, long inode) {
        static FileNumber of(FileStatus status) {
            return new FileNumber(status.device(), status.inode());
        }
    }

    private final Map<FileNumber, NamedPipe> all = new HashMap<>();
    private final FollowedNames followed = new FollowedNames();
    private final LinkedNames linked = new LinkedNames();

    /** The name by which each mappable host file was opened, as long as the file is in use. */
    private final Map<Backing, OpenedName> mapped = new WeakHashMap<>();

    private final WriteTimes times = new WriteTimes();
    private final LargestSizes largestSizes = new LargestSizes();

    public NamedPipes() {}

    /** Returns the object that updates the times of files that the guest reads and writes. */
    public WriteTimes times() {
        return times;
    }

    /** Returns the largest sizes of host files. */
    LargestSizes largestSizes() {
        return largestSizes;
    }

    /** Starts to follow a name, which the guest's calls change from now on. */
    synchronized FollowedName follow(String guest, FileStatus opened) {
        return followed.follow(guest, opened);
    }

    /** Returns further names that a file may have, besides the name by which it was opened. */
    synchronized List<String> linked(FileStatus file) {
        return linked.of(file);
    }

    /** Notes that the guest has created a hard link. */
    public synchronized void linked(String from, String to, Path host) {
        FileStatus now = statusOf(host);
        if (now != null) {
            linked.linked(from, to, now);
        }
    }

    /** Notes that the guest has removed a name. */
    public synchronized void removed(String guest, @Nullable FileStatus before) {
        linked.removed(guest);
        followed.removed(guest, before);
    }

    /** Notes that the guest renamed a file or a directory. */
    public synchronized void renamed(String from, String to, @Nullable FileStatus replaced) {
        linked.renamed(from, to);
        followed.renamed(from, to, replaced);
    }

    /**
     * Changes the status that the guest sees of a file, if the guest has removed all names of the file. Returns whether
     * it removed them.
     */
    synchronized boolean changeWithoutName(FileStatus file, boolean isOfLost, UnaryOperator<FileStatus> change) {
        return followed.changeWithoutName(file, isOfLost, change);
    }

    /**
     * Called after the status of a file has changed. Open files whose removed name led to the same file show the new
     * status.
     */
    public synchronized void changed(Path host) {
        FileStatus now = statusOf(host);
        if (now != null) {
            followed.changed(now);
        }
    }

    /** Clears the set-user-ID and set-group-ID bits of a file, as {@link HostRights#dropPrivileges} does. */
    public synchronized void dropPrivileges(Path host) throws IOException {
        if (HostRights.dropPrivileges(host)) {
            changed(host);
        }
    }

    private boolean isFull() {
        int names = all.values().stream().mapToInt(NamedPipe::nameCount).sum();
        return all.size() >= GuestLimits.NAMED_PIPES || names >= GuestLimits.NAMED_PIPES;
    }

    /** Records the name by which a mappable file was opened. */
    public synchronized void noteMapped(Backing file, OpenedName name) {
        mapped.put(file, name);
    }

    /** Returns the path that {@code /proc} shows for a mapping of a file; null if the file was not opened by a name. */
    public synchronized @Nullable String shownOf(@Nullable Backing backing) {
        OpenedName name = backing == null ? null : mapped.get(backing.underlying());
        return name == null ? null : name.shown();
    }

    /** Creates a pipe; returns 0 or an error. */
    public synchronized long make(Path host, int mode) throws IOException {
        if (isFull()) {
            return LinuxErrno.ENOSPC;
        }
        Channel held = Files.newByteChannel(host, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        boolean isMade = false;
        try {
            HostRights.setOfNew(host, mode);
            FileStatus status = FileStatus.of(host, false);
            all.put(FileNumber.of(status), new NamedPipe(host, status, held));
            isMade = true;
            return 0;
        } finally {
            if (!isMade) {
                try {
                    held.close();
                } finally {
                    Files.deleteIfExists(host);
                }
            }
        }
    }

    /** Creates a regular file on the host. */
    public synchronized void makePlain(Path host, int mode) throws IOException {
        Files.createFile(host);
        HostRights.setOfNew(host, mode);
    }

    /** Creates a directory on the host. */
    public synchronized void makeFolder(Path host, int mode) throws IOException {
        Files.createDirectory(host);
        // The host decides whether a new directory inherits the set-group-ID bit of its parent ({@code
        // inode_init_owner}).
        HostRights.setOfNew(host, mode | (FileStatus.of(host, false).mode() & HostRights.SET_GROUP));
    }

    /** Returns the pipe for which a host file stands; null if there is none. A link is followed. */
    public synchronized @Nullable NamedPipe find(Path host) {
        if (all.isEmpty()) {
            return null;
        }
        try {
            return all.get(FileNumber.of(FileStatus.of(host, true)));
        } catch (IOException none) {
            return null;
        }
    }

    /**
     * A pipe, and how the guest's user may open it.
     *
     * @param pipe the pipe
     * @param isReadable whether it may be opened for reads
     * @param isWritable whether it may be opened for writes
     */
    public record PipeRights(NamedPipe pipe, boolean isReadable, boolean isWritable) {}

    /** Returns the pipe of a host file as {@link #find} does, with the present rights. */
    public synchronized @Nullable PipeRights findWithRights(Path host) {
        NamedPipe found = find(host);
        return found == null ? null : new PipeRights(found, Files.isReadable(host), Files.isWritable(host));
    }

    /** Converts the host's status of a file to the status that the guest sees. */
    public synchronized FileStatus seen(FileStatus status) {
        return all.containsKey(FileNumber.of(status)) ? status.asPipe() : status;
    }

    private static @Nullable FileStatus statusOf(Path host) {
        try {
            return FileStatus.of(host, false);
        } catch (IOException none) {
            return null;
        }
    }

    /**
     * Called after a file has lost a name. If it was the last name, forgets the pipe, because any new file may get the
     * inode number.
     */
    private void forgetName(Path name, @Nullable FileStatus before) throws IOException {
        NamedPipe found = before == null ? null : all.get(FileNumber.of(before));
        if (found != null && before != null && before.links() == 1) {
            all.remove(FileNumber.of(before));
            found.forget(before);
        } else if (found != null) {
            found.unlinked(name);
        }
    }

    /** Deletes a name on the host, of a pipe or of another file. */
    public synchronized void delete(Path host) throws IOException {
        FileStatus before = all.isEmpty() ? null : statusOf(host);
        Files.delete(host);
        forgetName(host, before);
    }

    /**
     * Renames a host file, which may be a pipe. Replaces a file that has the new name.
     *
     * @return false if both names belong to the same file; then both stay
     */
    public synchronized boolean move(Path from, Path to) throws IOException {
        FileStatus moved = statusOf(from);
        FileStatus replaced = statusOf(to);
        CopyOption[] options = {StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING};
        Files.move(from, to, options);
        if (moved != null && replaced != null && moved.isSame(replaced)) {
            return false;
        }
        forgetName(to, replaced);
        for (NamedPipe each : all.values()) {
            each.moved(from, to);
        }
        return true;
    }

    /** Gives a host file, which may be a pipe, a further name; returns 0 or an error. */
    public synchronized long link(Path from, Path to) throws IOException {
        FileStatus linked = all.isEmpty() ? null : statusOf(from);
        NamedPipe found = linked == null ? null : all.get(FileNumber.of(linked));
        if (found != null && isFull() && !Files.exists(to, LinkOption.NOFOLLOW_LINKS)) {
            return LinuxErrno.EMLINK;
        }
        Files.createLink(to, from);
        changed(to);
        if (found != null) {
            found.linked(to);
        }
        return 0;
    }

    /** Deletes the files that stand for pipes, if they can be found. Called after all processes have ended. */
    public synchronized void close() {
        for (NamedPipe each : all.values()) {
            each.names().forEach(name -> deleteName(each, name));
            try {
                each.close();
            } catch (IOException kept) {
                // Ignored: the host closes the file when the emulator exits.
            }
        }
        all.clear();
    }

    private void deleteName(NamedPipe pipe, Path name) {
        try {
            if (find(name) == pipe) {
                Files.delete(name);
            }
        } catch (IOException kept) {
            // Ignored: an empty file remains on the host.
        }
    }
}
