// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import dev.samara.core.annotation.Experimental;

/**
 * Is called when a CPU drops translations because they have changed, so that an embedder can drop data that it derived
 * from them, for example decoded instructions, or results of {@link dev.samara.core.guest.FlatMemory#translate}. A
 * translation that another one displaces from its place in the TLB is not reported, since it is still right.
 *
 * <p>The thread that owns the CPU calls the listener while it polls, enters GUEST or handles a page fault, in the order
 * of generations. An access outside GUEST enters GUEST for its duration. The call precedes the CPU's acknowledgement of
 * the flush: data that the listener drops is not used after the operation that caused the flush has returned. The
 * listener may be called for ranges of which the CPU had no translation, for the ranges of a fork, and for a page that
 * is copied before a write. It is called for all addresses when the CPU first enters GUEST in a space of which it has
 * no translations. The number of calls therefore has no meaning. A write to a page that is not copied drops no
 * translation, with the right or {@linkplain dev.samara.core.AddressSpace#writeForced forced}: a {@link WriteListener}
 * learns of it. An exception is reported to the machine's reporter, and the flush counts nevertheless. The listener
 * must not wait, because an operation may wait for this CPU; an operation that is called here throws.
 *
 * <p>A range belongs to the space in which the CPU is. A CPU keeps the translations of six spaces, the present one
 * included. When it returns to one of them, the listener is called once, for the changes of the meantime only; when it
 * returns to another one, for all addresses. So data derived from one space is dropped whenever the CPU goes elsewhere:
 * at {@link dev.samara.core.Cpu#switchTo} and {@link dev.samara.core.Cpu#exec}, at {@link dev.samara.core.Cpu#use} and
 * {@link dev.samara.core.Cpu#tryUse}, and at the end of such a borrow. It cannot be kept by {@link
 * dev.samara.core.Cpu#space}: that is null during a borrow, and two references to one space are not equal.
 */
@FunctionalInterface
@Experimental
public interface FlushListener {
    /**
     * Is called after translations were dropped.
     *
     * @param start the first address
     * @param end first address after the range, unsigned; a flush of all translations has the range from 0 to -1
     * @param reason the change of the range; for a flush of all translations, the strongest possible one. If a flush
     *     has several reasons, the first of UNMAPPED, REPLACED, DISCARDED, PROTECTED and OBSERVED
     * @param generation the generation of the space up to which this CPU is flushed by this call
     */
    void flushed(long start, long end, MmuNotifier.Reason reason, long generation);
}
