// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;

/**
 * Selects the space from which a machine takes pages when a fault finds no free frame, or no room for a page table
 * ({@code oom_badness} in {@code mm/oom_kill.c}); see {@link MachineBuilder#lowMemory}.
 *
 * <p>The faulting thread calls it once for each space that was not reaped before and owns some of the scarce resource,
 * private pages or page tables. No lock is held. Until the scores are known, other threads' faults that find no free
 * frame return RETRY, so this method should return soon. It may close spaces: if a frame is free once the scores are
 * known, no space is chosen. An exception is reported, and the space is not chosen.
 */
@FunctionalInterface
@Experimental
public interface VictimScore {
    /**
     * Returns the score of a space. The space with the highest score is chosen, the older one if two scores are equal.
     *
     * @param space the identity of the space, with what the embedder has {@linkplain SpaceIdentity#attach attached}.
     *     The machine closes the reference after the call
     * @param pages the private pages of the space, locked ones and those that its {@linkplain Checkpoint checkpoints}
     *     keep included, and the pages of its page tables
     * @return the score; negative for a space whose pages must stay
     */
    long score(SpaceIdentity space, long pages);
}
