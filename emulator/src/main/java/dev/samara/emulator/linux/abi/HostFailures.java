// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.abi;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.NotLinkException;
import java.util.Map;

/**
 * Maps failures of host calls to errno values. The JDK has exception classes for a few errors. For the rest it only
 * provides the text of {@code strerror}. This class knows the English texts of the GNU C library; for any other text
 * the result is EIO.
 */
final class HostFailures {
    private static final Map<Class<? extends IOException>, Long> BY_CLASS = Map.of(
            NoSuchFileException.class, LinuxErrno.ENOENT,
            FileNotFoundException.class, LinuxErrno.ENOENT,
            FileAlreadyExistsException.class, LinuxErrno.EEXIST,
            AccessDeniedException.class, LinuxErrno.EACCES,
            DirectoryNotEmptyException.class, LinuxErrno.ENOTEMPTY,
            NotDirectoryException.class, LinuxErrno.ENOTDIR,
            NotLinkException.class, LinuxErrno.EINVAL,
            FileSystemLoopException.class, LinuxErrno.ELOOP,
            AtomicMoveNotSupportedException.class, LinuxErrno.EXDEV);

    private static final Map<String, Long> BY_TEXT = Map.ofEntries(
            Map.entry("Operation not permitted", LinuxErrno.EPERM),
            Map.entry("No such file or directory", LinuxErrno.ENOENT),
            Map.entry("No such device or address", LinuxErrno.ENXIO),
            Map.entry("Permission denied", LinuxErrno.EACCES),
            Map.entry("Device or resource busy", LinuxErrno.EBUSY),
            Map.entry("File exists", LinuxErrno.EEXIST),
            Map.entry("Invalid cross-device link", LinuxErrno.EXDEV),
            Map.entry("No such device", LinuxErrno.ENODEV),
            Map.entry("Not a directory", LinuxErrno.ENOTDIR),
            Map.entry("Is a directory", LinuxErrno.EISDIR),
            Map.entry("Invalid argument", LinuxErrno.EINVAL),
            Map.entry("Too many open files in system", LinuxErrno.ENFILE),
            Map.entry("Too many open files", LinuxErrno.EMFILE),
            Map.entry("Text file busy", LinuxErrno.ETXTBSY),
            Map.entry("File too large", LinuxErrno.EFBIG),
            Map.entry("No space left on device", LinuxErrno.ENOSPC),
            Map.entry("Read-only file system", LinuxErrno.EROFS),
            Map.entry("Too many links", LinuxErrno.EMLINK),
            Map.entry("Broken pipe", LinuxErrno.EPIPE),
            Map.entry("File name too long", LinuxErrno.ENAMETOOLONG),
            Map.entry("Directory not empty", LinuxErrno.ENOTEMPTY),
            Map.entry("Too many levels of symbolic links", LinuxErrno.ELOOP),
            // The JDK's own text for this error.
            Map.entry(
                    "Too many levels of symbolic links or unable to access attributes of symbolic link",
                    LinuxErrno.ELOOP),
            Map.entry("Cannot allocate memory", LinuxErrno.ENOMEM),
            Map.entry("Operation not supported", LinuxErrno.EOPNOTSUPP),
            Map.entry("Disk quota exceeded", LinuxErrno.EDQUOT));

    private HostFailures() {}

    static long errno(IOException failure) {
        Long known = BY_CLASS.get(failure.getClass());
        if (known == null) {
            String text = failure instanceof FileSystemException named ? named.getReason() : failure.getMessage();
            known = text == null ? null : BY_TEXT.get(text);
        }
        return known == null ? LinuxErrno.EIO : known;
    }
}
