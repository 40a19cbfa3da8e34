// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A path of the guest, and what the host has there.
 *
 * @param guest the path of the guest, absolute and without links, but for the last name if that is not followed
 * @param host the path of the host; null if the guest has nothing there
 * @param error 0, or why the path cannot be resolved
 * @param last what the last name is
 * @param isFolderNamed whether a slash follows the last name, which has to be a folder then
 * @param isFixed whether it is the program outside of the root, which the guest can only read
 */
public record ResolvedPath(
        String guest, @Nullable Path host, long error, LastName last, boolean isFolderNamed, boolean isFixed) {

    /** What the last name of a path can be: only with a name of its own is it made, removed or renamed. */
    public enum LastName {
        /** There is none: it is the root. */
        ROOT,
        /** One dot. */
        DOT,
        /** Two dots. */
        DOT_DOT,
        /** A name. */
        NORMAL
    }

    public static ResolvedPath failed(long error) {
        return new ResolvedPath("", null, error, LastName.NORMAL, false, false);
    }

    public boolean exists() {
        return host != null && Files.exists(host, LinkOption.NOFOLLOW_LINKS);
    }

    boolean isNormal() {
        return last == LastName.NORMAL;
    }
}
