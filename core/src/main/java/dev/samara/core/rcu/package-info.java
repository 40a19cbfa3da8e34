// SPDX-License-Identifier: Apache-2.0
/**
 * Grace periods for what the garbage collector cannot see: frames, which are numbers.
 *
 * <p>Who uses a frame that he found in a page table or a page cache, without a count of his own, is in a <em>reader
 * section</em> of his {@link dev.samara.core.rcu.RcuReader}. Who takes a frame away unhooks it first, then waits for a
 * <em>grace period</em> ({@link dev.samara.core.rcu.Rcu#synchronize}): every section that was under way when it began
 * has ended, so nobody uses the frame any more and it can be handed out again. Tree nodes, VMAs and page tables need
 * none of this, since the collector keeps them as long as anybody can see them.
 *
 * <pre>
 *     reader:   section := n   (volatile)   load the PTE ... use the frame   section := 0 (release)
 *     updater:  clear the PTE  (fence)      scan: wait while section == n seen     hand the frame out
 * </pre>
 */
@NullMarked
package dev.samara.core.rcu;

import org.jspecify.annotations.NullMarked;
