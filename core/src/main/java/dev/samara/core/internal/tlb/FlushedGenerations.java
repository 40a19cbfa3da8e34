// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.cpu.TlbContext;

/**
 * The spaces whose translations one CPU keeps over a switch ({@code choose_new_asid}), each with its number in the TLB
 * and the generation up to which the CPU flushed it. {@link dev.samara.core.internal.cpu.FlushGeneration#mustFlush}
 * compares that generation with the current one. A CPU that returns to a space still has its translations there, and
 * catches up with the flushes that it missed. Used only by the CPU's owner.
 */
final class FlushedGenerations {
    /** The number of spaces whose translations are kept, the current one included; as on x86. */
    private static final int SLOTS = 6;

    /** A space whose translations may be in the TLB. */
    static final class Slot {
        /** The number of its context, which is never reused. */
        private long context;

        /** The number of the space in the TLB. */
        int number;

        private int wraps;

        /** The generation up to which this CPU flushed. */
        long flushed;

        /** Whether listeners must still be notified that every earlier translation is flushed. */
        boolean isFresh;

        private Slot() {}
    }

    private final SoftTlb tlb;
    private final Slot[] slots = new Slot[SLOTS];
    private int victim;

    FlushedGenerations(SoftTlb tlb) {
        this.tlb = tlb;
        for (int i = 0; i < SLOTS; i++) {
            slots[i] = new Slot();
        }
    }

    /** Returns a slot that belongs to no context. */
    Slot none() {
        return slots[0];
    }

    /** Returns the slot of a context. A new slot has no translations, because it gets a new number in the TLB. */
    Slot of(TlbContext wanted) {
        for (Slot known : slots) {
            if (known.context == wanted.id()) {
                if (known.wraps != tlb.wraps()) {
                    renumber(known);
                }
                return known;
            }
        }
        // Read before the first entry is read, so that later changes of entries are flushed.
        long generation = wanted.generation().current();
        wanted.checkNotGivenBack(generation);
        Slot taken = slots[victim];
        victim = (victim + 1) % SLOTS;
        // Renumbered first, because if this throws, the slot still belongs to the other context, without translations.
        renumber(taken);
        taken.context = wanted.id();
        taken.flushed = generation;
        taken.isFresh = true;
        return taken;
    }

    /** Drops the translations of a slot by giving it a new number in the TLB. */
    void renumber(Slot of) {
        of.number = tlb.newNumber();
        of.wraps = tlb.wraps();
    }
}
