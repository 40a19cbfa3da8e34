// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Converts errors of the host to errnos. For most errors the JDK only provides the text of {@code strerror}, which is
 * in English on most hosts. An unknown text is converted to {@link Errno#EIO}.
 */
final class HostErrors {
    private static final Map<Class<? extends IOException>, Errno> BY_CLASS = Map.of(
            NoSuchFileException.class, Errno.ENOENT,
            FileAlreadyExistsException.class, Errno.EEXIST,
            AccessDeniedException.class, Errno.EACCES,
            NotDirectoryException.class, Errno.ENOTDIR,
            FileSystemLoopException.class, Errno.ELOOP);

    /**
     * Parts of error texts of Unix and Windows, in lower case. If a text contains several of them, the first one in
     * this list determines the errno.
     */
    private static final List<Map.Entry<String, Errno>> BY_TEXT = List.of(
            Map.entry("operation not permitted", Errno.EPERM),
            Map.entry("read-only file system", Errno.EROFS),
            Map.entry("write protected", Errno.EROFS),
            Map.entry("not a directory", Errno.ENOTDIR),
            Map.entry("is a directory", Errno.EISDIR),
            Map.entry("too many levels of symbolic links", Errno.ELOOP),
            Map.entry("name too long", Errno.ENAMETOOLONG),
            Map.entry("text file busy", Errno.ETXTBSY),
            Map.entry("too many open files in system", Errno.ENFILE),
            Map.entry("too many open files", Errno.EMFILE),
            Map.entry("cannot allocate memory", Errno.ENOMEM),
            Map.entry("no space left", Errno.ENOSPC),
            Map.entry("not enough space", Errno.ENOSPC),
            Map.entry("quota exceeded", Errno.EDQUOT),
            Map.entry("file too large", Errno.EFBIG));

    private HostErrors() {}

    static Errno of(IOException failure) {
        for (Map.Entry<Class<? extends IOException>, Errno> known : BY_CLASS.entrySet()) {
            if (known.getKey().isInstance(failure)) {
                return known.getValue();
            }
        }
        // The message of a FileSystemException also contains the name of the file, so only its reason is used.
        String said = failure instanceof FileSystemException named ? named.getReason() : failure.getMessage();
        String text = String.valueOf(said).toLowerCase(Locale.ROOT);
        return BY_TEXT.stream()
                .filter(entry -> text.contains(entry.getKey()))
                .findFirst()
                .map(Map.Entry::getValue)
                .orElse(Errno.EIO);
    }
}
