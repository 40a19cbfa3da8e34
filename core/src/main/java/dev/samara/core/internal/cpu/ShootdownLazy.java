// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

/**
 * The strategy {@code SHOOTDOWN}: a CPU in LAZY holds no reference. Before the teardown, the last put of the users
 * takes the context from each CPU that keeps it ({@code MMU_LAZY_TLB_SHOOTDOWN}). No CPU needs to acknowledge this; a
 * CPU that lost its context detects it at its next switch to a space.
 */
public final class ShootdownLazy extends PublishedLazy {
    @Override
    void drop() {
        if (kept() != null) {
            // Release: after the last walk of the root. The teardown takes the context by compare-and-set, so it cannot
            // overwrite a later context of this CPU.
            setKeptRelease(null);
        }
    }

    @Override
    void beforeTeardown(TlbContext ended) {
        // Volatile and compare-and-set. Pairs with keep, and with drop.
        if (keeps(ended)) {
            casKept(ended, null);
        }
    }
}
