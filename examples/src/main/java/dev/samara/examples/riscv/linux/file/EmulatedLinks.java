// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import org.jspecify.annotations.Nullable;

/** The symbolic links that no file of the host stands for: those of {@code /proc}. */
@FunctionalInterface
public interface EmulatedLinks {
    EmulatedLinks NONE = path -> null;

    /**
     * Returns where a link leads: a path of the guest; null if there is no such link.
     *
     * @param path an absolute path of the guest
     */
    @Nullable
    String target(String path);
}
