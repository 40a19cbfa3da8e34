// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import java.util.ArrayList;
import java.util.List;

/**
 * Memories and all their views, claimed for a step between two calls: no call through them starts until this is closed.
 * Used by one thread.
 */
final class ClaimedMemories implements AutoCloseable {
    private final List<LinearMemory> claimed = new ArrayList<>();

    /**
     * Claims nothing yet, so that the caller can open the {@code try} that closes this before {@link #claim}.
     */
    ClaimedMemories() {}

    /**
     * Claims a memory and its views.
     *
     * @throws IllegalStateException if a thread uses one of them, even the calling one
     */
    void claim(LinearMemory memory) {
        List<LinearMemory> views = memory.views();
        for (int i = 0; i < views.size(); i++) {
            LinearMemory view = views.get(i);
            claimed.add(view);
            boolean isClaimed = false;
            try {
                view.claimBetweenCalls();
                isClaimed = true;
            } finally {
                if (!isClaimed) {
                    claimed.remove(claimed.size() - 1);
                }
            }
        }
    }

    @Override
    public void close() {
        for (int i = 0; i < claimed.size(); i++) {
            claimed.get(i).freeBetweenCalls();
        }
    }
}
