// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.Locale;

/**
 * The errors of the host as numbers. Some exceptions of the JDK have only the text of the system, in English on most
 * hosts. An unknown text is {@link Errno#EIO}.
 */
final class HostErrors {
    private HostErrors() {}

    static Errno of(IOException failure) {
        if (failure instanceof NoSuchFileException) {
            return Errno.ENOENT;
        } else if (failure instanceof FileAlreadyExistsException) {
            return Errno.EEXIST;
        } else if (failure instanceof AccessDeniedException) {
            return Errno.EACCES;
        }
        String text = String.valueOf(failure.getMessage()).toLowerCase(Locale.ROOT);
        if (text.contains("read-only file system") || text.contains("write protected")) {
            return Errno.EROFS;
        } else if (text.contains("is a directory")) {
            return Errno.EISDIR;
        } else if (text.contains("too many open files")) {
            return Errno.EMFILE;
        } else if (text.contains("no space left") || text.contains("not enough space")) {
            return Errno.ENOSPC;
        } else if (text.contains("quota exceeded")) {
            return Errno.EDQUOT;
        } else if (text.contains("file too large")) {
            return Errno.EFBIG;
        }
        return Errno.EIO;
    }
}
