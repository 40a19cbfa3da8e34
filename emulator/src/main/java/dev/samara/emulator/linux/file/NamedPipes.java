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
 * The named pipes of the guest, by the files of the host that stand for their names. A pipe keeps its file when that
 * gets another name, or further ones.
 *
 * <p>The monitor of this guards the table, all changes that the guest makes to names, and each use of a path from its
 * resolution on. So nobody takes the file of a pipe for a plain one, and no thread puts a link into a path that another
 * one has just resolved. A thread that has the monitor waits for no other thread of the guest. The names of what is
 * open, and of current folders, follow these changes.
 */
public final class NamedPipes {
    /** What identifies a file of the host. */
    private record FileNumber(long device, long inode) {
        static FileNumber of(FileStatus status) {
            return new FileNumber(status.device(), status.inode());
        }
    }

    private final Map<FileNumber, NamedPipe> all = new HashMap<>();
    private final FollowedNames followed = new FollowedNames();
    private final LinkedNames linked = new LinkedNames();

    /** The names under which mappable files of the host were opened, as long as the files are in use. */
    private final Map<Backing, OpenedName> mapped = new WeakHashMap<>();

    private final WriteTimes times = new WriteTimes();
    private final LargestSizes largestSizes = new LargestSizes();

    public NamedPipes() {}

    /** Returns the times of files that the guest has written. */
    public WriteTimes times() {
        return times;
    }

    /** Returns the largest sizes of files of the host. */
    LargestSizes largestSizes() {
        return largestSizes;
    }

    /** Returns a name that the guest's calls change from now on. */
    synchronized FollowedName follow(String guest, FileStatus opened) {
        return followed.follow(guest, opened);
    }

    /** Returns names that a file may have besides the one by which it was opened. */
    synchronized List<String> linked(FileStatus file) {
        return linked.of(file);
    }

    /** Notes that the guest has given the file of one name another one. */
    public synchronized void linked(String from, String to, Path host) {
        FileStatus now = statusOf(host);
        if (now != null) {
            linked.linked(from, to, now);
        }
    }

    /** Has what is open know that the guest has removed a name. */
    public synchronized void removed(String guest, @Nullable FileStatus before) {
        linked.removed(guest);
        followed.removed(guest, before);
    }

    /** Has what is open know that the guest has renamed it, or a folder above it. */
    public synchronized void renamed(String from, String to, @Nullable FileStatus replaced) {
        linked.renamed(from, to);
        followed.renamed(from, to, replaced);
    }

    /** Changes what is shown of a file that the guest has left without names; returns whether it is such a file. */
    synchronized boolean changeWithoutName(FileStatus file, boolean isOfLost, UnaryOperator<FileStatus> change) {
        return followed.changeWithoutName(file, isOfLost, change);
    }

    /** Has what is open by a name that was removed know that its file was changed by another name. */
    public synchronized void changed(Path host) {
        FileStatus now = statusOf(host);
        if (now != null) {
            followed.changed(now);
        }
    }

    /** Takes the bits from a file that make a program of it run as its owner. */
    public synchronized void dropPrivileges(Path host) throws IOException {
        if (HostRights.dropPrivileges(host)) {
            changed(host);
        }
    }

    private boolean isFull() {
        int names = all.values().stream().mapToInt(NamedPipe::nameCount).sum();
        return all.size() >= GuestLimits.NAMED_PIPES || names >= GuestLimits.NAMED_PIPES;
    }

    /** Records the name under which a mappable file was opened. */
    public synchronized void noteMapped(Backing file, OpenedName name) {
        mapped.put(file, name);
    }

    /** Returns the path that a mapping of a file shows; null for a file that was not opened by a name. */
    public synchronized @Nullable String shownOf(@Nullable Backing backing) {
        OpenedName name = backing == null ? null : mapped.get(backing.underlying());
        return name == null ? null : name.shown();
    }

    /** Makes a pipe; returns 0 or an error. */
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

    /** Makes a plain file of the host. */
    public synchronized void makePlain(Path host, int mode) throws IOException {
        Files.createFile(host);
        HostRights.setOfNew(host, mode);
    }

    /** Makes a folder of the host. */
    public synchronized void makeFolder(Path host, int mode) throws IOException {
        Files.createDirectory(host);
        // The host knows whether a new folder has the group of the one above it ({@code inode_init_owner}).
        HostRights.setOfNew(host, mode | (FileStatus.of(host, false).mode() & HostRights.SET_GROUP));
    }

    /** Returns the pipe of a file of the host, which is followed if it is a link; null if it is no pipe. */
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
     * A pipe, and what the guest's user may do with it.
     *
     * @param pipe the pipe
     * @param isReadable whether it may be opened for reads
     * @param isWritable whether it may be opened for writes
     */
    public record PipeRights(NamedPipe pipe, boolean isReadable, boolean isWritable) {}

    /** Returns the pipe of a file of the host as {@link #find} does, with the rights that it has now. */
    public synchronized @Nullable PipeRights findWithRights(Path host) {
        NamedPipe found = find(host);
        return found == null ? null : new PipeRights(found, Files.isReadable(host), Files.isWritable(host));
    }

    /** Returns what the guest sees of a file with a status of the host. */
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

    /** A file has lost a name: with the last one, its number may become that of any file. */
    private void forgetName(Path name, @Nullable FileStatus before) throws IOException {
        NamedPipe found = before == null ? null : all.get(FileNumber.of(before));
        if (found != null && before != null && before.links() == 1) {
            all.remove(FileNumber.of(before));
            found.forget(before);
        } else if (found != null) {
            found.unlinked(name);
        }
    }

    /** Deletes a name of the host, of a pipe or of another file. */
    public synchronized void delete(Path host) throws IOException {
        FileStatus before = all.isEmpty() ? null : statusOf(host);
        Files.delete(host);
        forgetName(host, before);
    }

    /**
     * Renames a file of the host, a pipe or another one, and replaces one that has the new name.
     *
     * @return false if both are names of one file, which stay
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

    /** Gives a file of the host, a pipe or another one, a further name; returns 0 or an error. */
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

    /** Deletes the files that stand for names, where they can be found. Called when all processes have ended. */
    public synchronized void close() {
        for (NamedPipe each : all.values()) {
            each.names().forEach(name -> deleteName(each, name));
            try {
                each.close();
            } catch (IOException kept) {
                // The host closes the file with the emulator.
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
            // An empty file stays.
        }
    }
}
