// SPDX-License-Identifier: Apache-2.0
/**
 * Walks over a range of a page table that change its entries. They depend on entries only, on no file and no layout.
 *
 * <p>{@link dev.samara.core.internal.pagewalk.UnmapPages} empties a range in which nothing is mapped any more. {@link
 * dev.samara.core.internal.pagewalk.DiscardPages} removes pages from a mapping that stays. It keeps each entry busy
 * until the old page cannot be reached: otherwise a fault could map a second page while another CPU still uses the
 * first. {@link dev.samara.core.internal.pagewalk.WatchPages} removes the right to write from TLBs, and from nothing
 * else.
 *
 * <p>Each walk gathers the frames and the pending flushes in a {@link dev.samara.core.internal.tlb.TlbGather}.
 */
@NullMarked
package dev.samara.core.internal.pagewalk;

import org.jspecify.annotations.NullMarked;
