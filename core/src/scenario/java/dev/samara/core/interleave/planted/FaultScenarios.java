// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.mman.Mman;

/** Faults concurrent with calls that affect their page. */
final class FaultScenarios {
    private FaultScenarios() {}

    /** A store to a page that is being discarded waits for the discard. */
    static final class DiscardBesideStore extends Calls {
        DiscardBesideStore() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put("dontneed", (state, cpu) -> "" + state.space.madvise(AT, PAGE, Mman.DONTNEED));
        }
    }
}
