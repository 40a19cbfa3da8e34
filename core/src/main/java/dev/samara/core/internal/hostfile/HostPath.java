// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.nio.file.FileStore;
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

/** What is asked of a path before and after its file is opened. */
final class HostPath {
    private HostPath() {}

    /** What the file of a path is at one instant. */
    static final class PathLook {
        /**
         * By which the opens of a file are known to be of one file. Without keys of the file system, two hard links are
         * two files.
         */
        final Object key;

        final HostIdentity identity;

        /** Changes whenever a name of the file comes or goes; null on a host that has no such time. */
        private final @Nullable Object changed;

        private PathLook(Object key, HostIdentity identity, @Nullable Object changed) {
            this.key = key;
            this.identity = identity;
            this.changed = changed;
        }

        /** Returns whether the path had this file all the time up to a later look, as far as a host can tell. */
        boolean isSame(PathLook later) {
            return key.equals(later.key) && Objects.equals(changed, later.changed);
        }
    }

    /**
     * Checks the file of a path. Opening a FIFO would wait for a writer, and reading a directory fails late: both are
     * refused here.
     *
     * @return null if there is no file and the call may create one
     * @throws MmException if it is not a regular file
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
            // One look of the host, so that all of it is of one file.
            Map<String, Object> unix = Files.readAttributes(path, "unix:fileKey,dev,ino,ctime");
            long device = ((Number) Objects.requireNonNull(unix.get("dev"))).longValue();
            long inode = ((Number) Objects.requireNonNull(unix.get("ino"))).longValue();
            return new PathLook(keyOf(path, unix.get("fileKey")), HostIdentity.of(device, inode), unix.get("ctime"));
        } catch (NoSuchFileException missing) {
            if (creates) {
                return null;
            }
            // Later JDKs throw this for ENOTDIR, too. The question for the file system fails with the error itself.
            // An open would wait for a writer if the path names a FIFO by now, and toRealPath leaves the mount
            // namespace of a path through /proc/PID/root.
            FileStore created = Files.getFileStore(path);
            throw new NoSuchFileException(path.toString(), null, "created concurrently in " + created);
        }
    }

    /**
     * Returns the key of a file: that of its file system, or else its real path.
     *
     * @param fileKey of the file system; null on Windows, and in some file systems of other providers
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
