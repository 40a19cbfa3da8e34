// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileStore;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Checks a path before and after its file is opened. */
final class HostPath {
    private HostPath() {}

    /** The file that a path names at one time. */
    static final class PathLook {
        /**
         * The key that identifies a file, so that all opens of it share one file. If the file system has no keys, two
         * hard links of a file count as two files.
         */
        final Object key;

        final HostIdentity identity;

        /**
         * The time of the last status change (ctime), which changes whenever a name of the file is added or removed;
         * null on a host without it.
         */
        private final @Nullable Object changed;

        private PathLook(Object key, HostIdentity identity, @Nullable Object changed) {
            this.key = key;
            this.identity = identity;
            this.changed = changed;
        }

        /**
         * Returns whether the path named this file during the whole time until a later check, as far as the host shows.
         */
        boolean isSame(PathLook later) {
            return key.equals(later.key) && Objects.equals(changed, later.changed);
        }
    }

    /** A folder that contains a new file. */
    record HostFolder(ChannelOpener opener, Path path) {
        /**
         * Returns the folder of a file that was just opened; null if the file has already been deleted, or if its file
         * system is not the host's, which may not open folders.
         */
        static @Nullable HostFolder of(ChannelOpener opener, Path file) throws IOException {
            if (file.getFileSystem() != FileSystems.getDefault()) {
                return null;
            }
            try {
                // The file of a symbolic link is in another folder.
                Path folder = file.toRealPath().getParent();
                return folder == null ? null : new HostFolder(opener, folder);
            } catch (NoSuchFileException deleted) {
                return null;
            }
        }

        /**
         * Forces the entries of the folder to the device. Does nothing if the host does not let this process open the
         * folder, as on Windows, if the folder was removed, or if its file system cannot force folders, such as some of
         * FUSE and of virtual machines.
         */
        void force() throws IOException {
            HostChannel channel;
            try {
                channel = opener.open(path, Set.of(StandardOpenOption.READ));
            } catch (AccessDeniedException | NoSuchFileException impossible) {
                return;
            }
            try {
                channel.force();
            } catch (IOException failed) {
                Errno errno = Errno.of(failed);
                if (errno != Errno.EINVAL && errno != Errno.EBADF && errno != Errno.EOPNOTSUPP) {
                    throw failed;
                }
            } finally {
                InodeTable.close(channel);
            }
        }
    }

    /**
     * Checks the file of a path. Rejects FIFOs, because their open would wait for a writer, and directories, because
     * only their read would fail.
     *
     * @return null if there is no file and the call may create one
     * @throws MmException if the path does not name a regular file
     */
    static @Nullable PathLook look(Path path, boolean creates) throws IOException {
        boolean isUnix = path.getFileSystem().supportedFileAttributeViews().contains("unix");
        try {
            BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
            if (attributes.isDirectory()) {
                throw refusal(path.toString(), Errno.EISDIR, null);
            }
            if (!attributes.isRegularFile()) {
                throw refusal(path.toString(), Errno.ENODEV, null);
            }
            if (!isUnix) {
                return new PathLook(keyOf(path, attributes.fileKey()), HostIdentity.NONE, null);
            }
            // A single call of the host, so that all attributes belong to one file.
            Map<String, Object> unix = Files.readAttributes(path, "unix:fileKey,dev,ino,ctime");
            long device = ((Number) Objects.requireNonNull(unix.get("dev"))).longValue();
            long inode = ((Number) Objects.requireNonNull(unix.get("ino"))).longValue();
            return new PathLook(keyOf(path, unix.get("fileKey")), HostIdentity.of(device, inode), unix.get("ctime"));
        } catch (NoSuchFileException missing) {
            if (creates) {
                return null;
            }
            // Later JDKs also throw NoSuchFileException for ENOTDIR, but getFileStore fails with the actual error.
            // Other calls are not suitable: an open would wait for a writer if the path now names a FIFO, and
            // toRealPath would leave the mount namespace of a path through /proc/PID/root.
            FileStore created = Files.getFileStore(path);
            throw new NoSuchFileException(path.toString(), null, "created concurrently in " + created);
        }
    }

    /**
     * Returns the key of a file, which is its key in the file system, or its real path if it has none.
     *
     * @param fileKey the key in the file system; null on Windows, and in some file systems of other providers
     */
    static Object keyOf(Path path, @Nullable Object fileKey) throws IOException {
        return fileKey != null ? fileKey : path.toRealPath();
    }

    static Set<OpenOption> withRead(Set<OpenOption> options) {
        Set<OpenOption> all = new HashSet<>(options);
        all.add(StandardOpenOption.READ);
        return all;
    }

    static MmException refusal(String name, Errno errno, @Nullable Exception cause) {
        MmException refusal = new MmException("openFile(" + name + ")", errno);
        if (cause != null) {
            refusal.initCause(cause);
        }
        return refusal;
    }
}
