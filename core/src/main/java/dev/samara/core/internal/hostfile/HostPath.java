// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What is asked of a path before and after its file is opened. */
final class HostPath {
    private HostPath() {}

    /** Opening a FIFO would wait for a writer, and reading a directory fails late: both are refused before. */
    static void checkKind(Path path, boolean creates) throws IOException {
        BasicFileAttributes attributes;
        try {
            attributes = Files.readAttributes(path, BasicFileAttributes.class);
        } catch (NoSuchFileException missing) {
            if (creates) {
                return;
            }
            throw missing;
        }
        if (attributes.isDirectory()) {
            throw refusal(path.toString(), Errno.EISDIR, null);
        }
        if (!attributes.isRegularFile()) {
            throw refusal(path.toString(), Errno.ENODEV, null);
        }
    }

    /**
     * Returns the key by which the opens of a file are known to be of one file. The file is open. Without keys of the
     * file system, two hard links are two files.
     */
    static Object keyOf(Path path) throws IOException {
        return keyOf(path, Files.readAttributes(path, BasicFileAttributes.class).fileKey());
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
