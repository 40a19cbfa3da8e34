// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.backing.HostFileOption;
import dev.samara.core.backing.PageHooks;
import java.nio.file.OpenOption;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The rules that the options of its first open set for a file.
 *
 * @param hooks decides whether pages may be read and written; null if there are none
 * @param isNoSteal whether dirty pages are written only by calls that request it
 * @param lock the lock of the file; null if it is not locked
 */
record FileRules(
        @Nullable PageHooks hooks,
        boolean isNoSteal,
        @Nullable HostFileOption lock) {
    /** The rules of a file that was opened without any of these options. */
    static final FileRules NONE = new FileRules(null, false, null);

    /**
     * Returns the rules that options set.
     *
     * @throws IllegalArgumentException if the options contain two locks, or two objects with hooks
     */
    static FileRules of(Set<OpenOption> options) {
        PageHooks hooks = null;
        for (OpenOption option : options) {
            if (option instanceof PageHooks named) {
                if (hooks != null) {
                    throw new IllegalArgumentException("options " + options + " name two objects with hooks");
                }
                hooks = named;
            }
        }
        boolean isExclusive = options.contains(HostFileOption.EXLOCK);
        boolean isShared = options.contains(HostFileOption.SHLOCK);
        if (isExclusive && isShared) {
            throw new IllegalArgumentException("options " + options + " name two locks");
        }
        HostFileOption lock = isExclusive ? HostFileOption.EXLOCK : isShared ? HostFileOption.SHLOCK : null;
        boolean isNoSteal = options.contains(HostFileOption.NO_STEAL);
        return hooks == null && lock == null && !isNoSteal ? NONE : new FileRules(hooks, isNoSteal, lock);
    }

    /** Returns the options that are neither a {@link HostFileOption} nor hooks. */
    static Set<OpenOption> withoutRules(Set<OpenOption> options) {
        return options.stream()
                .filter(option -> !(option instanceof HostFileOption) && !(option instanceof PageHooks))
                .collect(Collectors.toSet());
    }

    /** Returns whether the options of an open set no rule. */
    boolean isNone() {
        return hooks == null && !isNoSteal && lock == null;
    }

    /** Returns whether an open with the rules {@code other} may use the file. Compares hooks by identity. */
    boolean permits(FileRules other) {
        return other.isNone() || (hooks == other.hooks && isNoSteal == other.isNoSteal && lock == other.lock);
    }

    /** Returns whether bytes are written to the host only by write-backs, so that a write-back can hold them back. */
    boolean holdsWrites() {
        return hooks != null || isNoSteal;
    }

    boolean isShared() {
        return lock == HostFileOption.SHLOCK;
    }
}
