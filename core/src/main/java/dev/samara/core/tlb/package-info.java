// SPDX-License-Identifier: Apache-2.0
/**
 * A CPU's own side, and taking translations away: unhook, then invalidate, then free, always in this order.
 *
 * <p>A {@link dev.samara.core.tlb.Processor} has a {@link dev.samara.core.tlb.SoftTlb}, which it uses in GUEST only,
 * and catches up with what others have changed before it does. A {@link dev.samara.core.tlb.TlbGather} collects the
 * frames of what was unhooked, and gives them back only after no CPU can translate to them any more: {@link
 * dev.samara.core.tlb.Owed} knows the leaves, and {@link dev.samara.core.internal.cpu.Cpus} whom to wait for. {@link
 * dev.samara.core.tlb.Zapping} empties what nothing is mapped in any more; {@link dev.samara.core.tlb.Discarding} takes
 * pages away from where the mapping stays, and keeps each entry <em>in transit</em> until the old page cannot be
 * reached: otherwise a fault could put a second page where another CPU still uses the first. {@link
 * dev.samara.core.tlb.Watching} takes the right to write away from TLBs, and from nothing else.
 */
@NullMarked
package dev.samara.core.tlb;

import org.jspecify.annotations.NullMarked;
