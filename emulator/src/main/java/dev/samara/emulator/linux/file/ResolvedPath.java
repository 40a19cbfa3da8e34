// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A resolved path of the guest, and the corresponding path of the host.
 *
 * @param guest the path of the guest, absolute and without links, except that the last name may be a link if it is not
 *     followed
 * @param host the path of the host; null if no host file can be there
 * @param error 0, or the error if the path cannot be resolved
 * @param last the kind of the last name
 * @param isFolderNamed whether the path ends with a slash, so that it must be a directory
 * @param isFixed whether it is the program outside of the root, which is read-only for the guest
 * @param removed the removed directory to which the path leads; null if it leads to none
 */
public record ResolvedPath(
        String guest,
        @Nullable Path host,
        long error,
        LastName last,
        boolean isFolderNamed,
        boolean isFixed,
        @Nullable OpenedName removed) {

    /** The kinds of a last path component (as {@code LAST_NORM}): only a normal name can be created or removed. */
    public enum LastName {
        /** The path is the root and has no component. */
        ROOT,
        /** One dot. */
        DOT,
        /** Two dots. */
        DOT_DOT,
        /** A name. */
        NORMAL
    }

    public static ResolvedPath failed(long error) {
        return new ResolvedPath("", null, error, LastName.NORMAL, false, false, null);
    }

    /**
     * Returns the result for a removed directory. Its error is ENOENT; only callers that support removed directories
     * read {@link #removed}.
     */
    public static ResolvedPath ofRemoved(OpenedName folder) {
        return new ResolvedPath(folder.path(), null, LinuxErrno.ENOENT, LastName.DOT, true, false, folder);
    }

    /**
     * Returns 0, or the error if the name that a call creates, removes or renames cannot be looked up. A removed
     * directory is no error here, because its last name is ".".
     */
    public long nameError() {
        return removed != null ? 0 : error;
    }

    public boolean exists() {
        return host != null && Files.exists(host, LinkOption.NOFOLLOW_LINKS);
    }

    /** Returns whether the last name exists and is a directory. A link to a directory is not one. */
    public boolean isFolder() {
        return host != null && Files.isDirectory(host, LinkOption.NOFOLLOW_LINKS);
    }

    /**
     * Returns whether the last name is a normal name without a slash after it, which is not followed if it is a link.
     */
    public boolean isName() {
        return isNormal() && !isFolderNamed;
    }

    boolean isNormal() {
        return last == LastName.NORMAL;
    }
}
