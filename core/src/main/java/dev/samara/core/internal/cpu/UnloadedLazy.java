// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import org.jspecify.annotations.Nullable;

/**
 * The strategy {@code NONE}: a CPU that enters LAZY unloads its context immediately, and returns as from any other
 * space.
 */
public final class UnloadedLazy extends LazyContext {
    @Override
    void keep(TlbContext of) {}

    @Override
    @Nullable
    TlbContext kept() {
        return null;
    }

    @Override
    void drop() {}
}
