// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The names that no host file backs, mainly the symbolic links of {@code /proc}. */
@FunctionalInterface
public interface EmulatedLinks {
    EmulatedLinks NONE = path -> null;

    /** What exists at a path in {@code /proc}. */
    enum EmulatedKind {
        /** Nothing. */
        NOTHING,
        /** A file that is not a directory. */
        FILE,
        /** A directory, or something treated as one. */
        FOLDER
    }

    /**
     * Returns the target of a link, as a path of the guest; null if there is no such link.
     *
     * @param path an absolute path of the guest
     */
    @Nullable
    String target(String path);

    /**
     * Returns the removed directory to which a link leads; null if there is no such link. Links of {@code /proc} can
     * lead to a removed directory that is open or is a current directory.
     *
     * @param path an absolute path of the guest
     */
    default @Nullable OpenedName removed(String path) {
        return null;
    }

    /** Returns 0, or the error if the guest may not look up names in a directory of the host ({@code may_lookup}). */
    default long searchError(@Nullable Path folder) {
        return 0;
    }

    /** Returns 0, or the error if the guest may not look up names in a removed directory. */
    default long searchError(OpenedName removed) {
        return 0;
    }

    /**
     * Returns what exists at a path in {@code /proc} or {@code /dev} that is not a link.
     *
     * @param path an absolute path of the guest
     */
    default EmulatedKind kind(String path) {
        return EmulatedKind.FOLDER;
    }
}
