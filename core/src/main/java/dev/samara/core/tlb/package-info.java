// SPDX-License-Identifier: Apache-2.0
/**
 * Taking translations away: unhook, then invalidate, then free, always in this order.
 *
 * <p>A {@link dev.samara.core.tlb.TlbGather} collects the frames of what was unhooked, and gives them back only after no
 * CPU can translate to them any more. Every access to memory is a reader section of its {@code Cpu}, so a grace period
 * invalidates all translations. {@link dev.samara.core.tlb.Zapping} empties what nothing is mapped in any more;
 * {@link dev.samara.core.tlb.Discarding} takes pages away from where the mapping stays, and keeps each entry <em>in transit</em>
 * until the old page cannot be reached: otherwise a fault could put a second page where another CPU still uses the first.
 */
@NullMarked
package dev.samara.core.tlb;

import org.jspecify.annotations.NullMarked;
