// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A path of the guest after its resolution.
 *
 * @param guest the path without links and dots
 * @param host the path of the host; null if the host cannot have a file there
 * @param error the error of the resolution; 0 if it succeeded
 * @param isNormal whether the last name is not {@code .}, {@code ..} or the root
 * @param isFolderNamed whether a slash after the last name requires a directory
 * @param isFixed whether the path is that of a program outside of the root, which cannot be changed
 */
public record ResolvedPath(
        String guest, @Nullable Path host, long error, boolean isNormal, boolean isFolderNamed, boolean isFixed) {
    /** Returns a path that could not be resolved. */
    public static ResolvedPath failed(long error) {
        return new ResolvedPath("", null, error, true, false, false);
    }

    /** Returns whether the host has a file, directory or link at the path. */
    public boolean exists() {
        return host != null && Files.exists(host, LinkOption.NOFOLLOW_LINKS);
    }

    public boolean isFolder() {
        return host != null && Files.isDirectory(host, LinkOption.NOFOLLOW_LINKS);
    }
}
