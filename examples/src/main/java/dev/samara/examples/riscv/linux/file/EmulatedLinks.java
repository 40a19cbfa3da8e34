// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import org.jspecify.annotations.Nullable;

/** The names that no file of the host stands for, above all the symbolic links: those of {@code /proc}. */
@FunctionalInterface
public interface EmulatedLinks {
    EmulatedLinks NONE = path -> null;

    /** What there is at a path in {@code /proc}. */
    enum EmulatedKind {
        /** Nothing. */
        NOTHING,
        /** What has no names below it. */
        FILE,
        /** A directory, or what is taken for one. */
        FOLDER
    }

    /**
     * Returns where a link leads: a path of the guest; null if there is no such link.
     *
     * @param path an absolute path of the guest
     */
    @Nullable
    String target(String path);

    /**
     * Returns what there is at a path in {@code /proc} that is no link.
     *
     * @param path an absolute path of the guest
     */
    default EmulatedKind kind(String path) {
        return EmulatedKind.FOLDER;
    }
}
