// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.backing.HostFileOption;
import dev.samara.core.backing.PageHooks;
import java.nio.file.OpenOption;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What the options of the first open have set for a file.
 *
 * @param hooks decides on its pages; null for none
 * @param isNoSteal whether pages are written only where that is asked for
 * @param lock the lock of the file; null for none
 */
record FileRules(
        @Nullable PageHooks hooks,
        boolean isNoSteal,
        @Nullable HostFileOption lock) {
    /** Of a file whose opens have named no such option. */
    static final FileRules NONE = new FileRules(null, false, null);

    /**
     * Returns the rules that options name.
     *
     * @throws IllegalArgumentException if they name two locks, or two objects with hooks
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

    /** Returns the options that are none of these rules. */
    static Set<OpenOption> withoutRules(Set<OpenOption> options) {
        return options.stream()
                .filter(option -> !(option instanceof HostFileOption) && !(option instanceof PageHooks))
                .collect(Collectors.toSet());
    }

    /** Returns whether the options of an open have named no rule. */
    boolean isNone() {
        return hooks == null && !isNoSteal && lock == null;
    }

    /** Returns whether an open with other rules may use the file. Compares hooks by their identity. */
    boolean permits(FileRules other) {
        return other.isNone() || (hooks == other.hooks && isNoSteal == other.isNoSteal && lock == other.lock);
    }

    /** Returns whether bytes reach the host by write-backs only, so that these can hold them back. */
    boolean holdsWrites() {
        return hooks != null || isNoSteal;
    }

    boolean isShared() {
        return lock == HostFileOption.SHLOCK;
    }
}
